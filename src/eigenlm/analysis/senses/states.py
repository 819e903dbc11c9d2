"""What a model makes of a word in its sentences: its vector after every layer, and those of the tokens around it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.analysis.senses.sentences import place_of
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.language_model import LanguageModel
from eigenlm.machine.memory import check_memory
from eigenlm.observe import watch_residual_stream
from eigenlm.progress import track


@dataclass(frozen=True)
class WordStates:
    """Hidden vectors after the embedding (layer 0) and each of the N blocks, in float32.

    Attributes:
        word: the mean over the word's tokens, for each of C sentences.
        tokens: the vectors of all S tokens of the texts but the first of each.
    """

    word: Float[Tensor, "N1 C D"]
    tokens: Float[Tensor, "N1 S D"]


@dataclass(frozen=True)
class SpelledText:
    """A text as a model reads it.

    Attributes:
        ids: of its tokens and of the markers around them.
        offsets: first character of each token, and one past its last.
        text: places of the tokens that are text and not the first.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]
    text: list[int]

    def spelling(self, first: int, end: int) -> list[int]:
        """Places of the tokens that spell some characters, whole or in part.

        A token of a byte alphabet carries the space before it, so that it overlaps a word and does not begin with it.
        """
        return [i for i, (start, stop) in enumerate(self.offsets) if start < end and stop > first]


@torch.inference_mode()
def word_states(lm: LanguageModel, word: str, sentences: Sequence[str]) -> WordStates:
    """Run every sentence by itself and keep the vectors that `WordStates` names.

    The first token and the markers around a text are left out of `tokens`: attention rests on them where it has nothing
    to look at, and their vectors, often a hundred times longer than the others, would decide every mean.

    Raises:
        ConfigError: an encoder-decoder.
        DataError: a sentence without the word, with a control token, or more than memory holds.
        ShapeError: a sentence longer than the context.
    """
    check_kind(lm)
    rows = [spelled(lm, sentence) for sentence in sentences]
    places = [_spelling(row, word, sentence) for row, sentence in zip(rows, sentences)]
    check_size(lm, sum(len(row.text) for row in rows))
    words, tokens = [], []
    for row, own in track(list(zip(rows, places)), "senses"):
        states_NTD = layers_of(lm, row)
        words.append(states_NTD[:, own].mean(dim=1))
        tokens.append(states_NTD[:, row.text])
    return WordStates(torch.stack(words, dim=1), torch.cat(tokens, dim=1))


def check_kind(lm: LanguageModel) -> None:
    """Refuse a model whose words have two vectors after every layer.

    Raises:
        ConfigError: an encoder-decoder.
    """
    if lm.config.kind == "encoder_decoder":
        raise ConfigError(explain("senses of a word", expected="a decoder or an encoder", got=lm.config.kind))


def spelled(lm: LanguageModel, sentence: str) -> SpelledText:
    """The tokens of a text, with their places in it.

    Raises:
        DataError: it spells a control token.
    """
    ids = lm.tokenizer.encode(sentence, add_markers=True)
    found = lm.tokenizer.library.encode(sentence, add_special_tokens=True)
    if found.ids != ids:
        raise DataError(explain("senses of a word", expected="text without control tokens", got=repr(sentence)))
    text = [i for i, marker in enumerate(found.special_tokens_mask) if i and not marker]
    return SpelledText(ids, found.offsets, text)


def layers_of(lm: LanguageModel, text: SpelledText) -> Float[Tensor, "N1 T D"]:
    """The vectors of a text's tokens after the embedding and after each of the N blocks, in float32.

    Raises:
        ShapeError: the text is longer than the context.
    """
    layers: dict[int, Tensor] = {}
    with torch.inference_mode(), watch_residual_stream(lm.model, layers.__setitem__):
        lm.model.hidden(torch.tensor([text.ids], device=lm.device))
        return torch.stack([layer[0].float().cpu() for layer in layers.values()])


def _spelling(row: SpelledText, word: str, sentence: str) -> list[int]:
    found = row.spelling(*place_of(word, sentence))
    if not found:
        raise DataError(explain("senses of a word", expected=f"tokens that spell {word!r}", got=repr(sentence)))
    return found


def check_size(lm: LanguageModel, tokens: int) -> None:
    """Refuse to keep the vectors of more tokens, in every layer, than there is memory for.

    Raises:
        ConfigError: less is free.
        DataError: fewer than two.
    """
    if tokens < 2:
        raise DataError(explain("senses of a word", expected="sentences of several tokens", got="single ones"))
    needed = 4 * tokens * (lm.config.num_layers + 1) * lm.config.d_model
    # They lie there twice while they are joined.
    check_memory(2 * needed, torch.device("cpu"), f"senses of a word, {tokens:,} tokens", "give fewer sentences")
