"""The token embedding of a model as word vectors."""

from jaxtyping import Float
from torch import Tensor

from eigenlm.checkpoint.read import open_model
from eigenlm.errors import DataError, explain
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.vectors.word_vectors import WordVectors

_EMBEDDING, _INSIDE = "embedding.token.weight", "##"


def token_vectors(model: str) -> WordVectors:
    """The rows of a model's token embedding, each by what its token writes.

    A token that begins a word has the word as its name, without the space before it: what `king` is in a text. One that
    goes on inside a word has the same name where no other token has it, else `##` before it, as BERT spells such
    tokens. Control tokens and parts of characters are left out.

    Raises:
        CheckpointError: there is no such model.
        DataError: it has no tokenizer, or no token embedding.
    """
    opened = open_model(model)
    tokenizer = opened.read_tokenizer()
    if tokenizer is None or _EMBEDDING not in opened.tensors:
        got = "no tokenizer" if tokenizer is None else "no such matrix"
        raise DataError(explain(f"reading {model}", expected="a token embedding and its tokens", got=got))
    return named_rows(opened.tensors[_EMBEDDING].float(), tokenizer, f"the tokens of {model}")


def named_rows(vectors: Float[Tensor, "V D"], tokenizer: Tokenizer, source: str) -> WordVectors:
    """Rows of tokens, each by what its token writes, as `token_vectors` names them."""
    names = _names(tokenizer, min(len(vectors), tokenizer.vocab_size))
    return WordVectors(tuple(names), vectors[list(names.values())], source)


def _names(tokenizer: Tokenizer, count: int) -> dict[str, int]:
    """A name for every token that is text, and its id."""
    begins: dict[str, int] = {}
    inside: dict[str, int] = {}
    for id in range(count):
        text = tokenizer.token_bytes(id).decode(errors="replace")
        word = text.strip()
        if word and "\N{REPLACEMENT CHARACTER}" not in word:
            (begins if _begins_a_word(tokenizer, id, text) else inside).setdefault(word, id)
    return begins | {_INSIDE + word if word in begins else word: id for word, id in inside.items()}


def _begins_a_word(tokenizer: Tokenizer, id: int, text: str) -> bool:
    """Whether there is a space before it, or, in a vocabulary that marks what has none, no mark."""
    marks_inside = tokenizer.id(_INSIDE + "s") is not None
    return not (tokenizer.token(id) or "").startswith(_INSIDE) if marks_inside else text.startswith(" ")
