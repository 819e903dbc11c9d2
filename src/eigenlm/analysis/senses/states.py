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
class _Row:
    """Token ids of a sentence, which of them spell the word, and which are text and not the first."""

    ids: list[int]
    word: list[int]
    text: list[int]


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
    if lm.config.kind == "encoder_decoder":
        raise ConfigError(explain("senses of a word", expected="a decoder or an encoder", got=lm.config.kind))
    rows = [_row(lm, word, sentence) for sentence in sentences]
    _check_size(lm, sum(len(row.text) for row in rows))
    words, tokens = [], []
    for row in track(rows, "senses"):
        layers: dict[int, Tensor] = {}
        with watch_residual_stream(lm.model, layers.__setitem__):
            lm.model.hidden(torch.tensor([row.ids], device=lm.device))
        states_NTD = torch.stack([layer[0].float().cpu() for layer in layers.values()])
        words.append(states_NTD[:, row.word].mean(dim=1))
        tokens.append(states_NTD[:, row.text])
    return WordStates(torch.stack(words, dim=1), torch.cat(tokens, dim=1))


def _row(lm: LanguageModel, word: str, sentence: str) -> _Row:
    first, end = place_of(word, sentence)
    ids = lm.tokenizer.encode(sentence, add_markers=True)
    found = lm.tokenizer.library.encode(sentence, add_special_tokens=True)
    if found.ids != ids:
        raise DataError(explain("senses of a word", expected="text without control tokens", got=repr(sentence)))
    # A token of a byte alphabet carries the space before it, so that it overlaps the word and does not begin with it.
    spells = [i for i, (start, stop) in enumerate(found.offsets) if start < end and stop > first]
    if not spells:
        raise DataError(explain("senses of a word", expected=f"tokens that spell {word!r}", got=repr(sentence)))
    return _Row(ids, spells, [i for i, marker in enumerate(found.special_tokens_mask) if i and not marker])


def _check_size(lm: LanguageModel, tokens: int) -> None:
    if tokens < 2:
        raise DataError(explain("senses of a word", expected="sentences of several tokens", got="single ones"))
    needed = 4 * tokens * (lm.config.num_layers + 1) * lm.config.d_model
    # They lie there twice while they are joined.
    check_memory(2 * needed, torch.device("cpu"), f"senses of a word, {tokens:,} tokens", "give fewer sentences")
