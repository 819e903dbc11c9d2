"""What a model writes by itself: text as it was taught on, where that text is not at hand."""

from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

from eigenlm.engine import Runner, Sampling, generate
from eigenlm.language_model import LanguageModel
from eigenlm.model import Transformer

_BETWEEN = "<|endoftext|>"  # stands between the documents of which most models with byte pairs learned
_SHORT = 256  # tokens of a text, of which several stand in a longer window
_APART = 1 << 31  # by which the seeds of texts to fit to differ from those of texts to judge by


def own_words(
    lm: LanguageModel, model: Transformer | Runner, starts: Sequence[Sequence[int]], count: int, seed: int = 0
) -> list[list[int]]:
    """Texts drawn at temperature 1, one from each start; end tokens do not end them.

    Args:
        lm: what says which tokens are never drawn.
        model: its model, or the runner of that.
        starts: tokens that texts begin with.
        count: of tokens after them.
        seed: the same texts are drawn again.

    Returns:
        The tokens of each text, its start among them.
    """
    texts = [list(start) for start in starts]
    sampling = Sampling(temperature=1.0, seed=seed, never=lm.generation.never)
    for step in generate(model, starts, max_tokens=count, sampling=sampling):
        for text, token in zip(texts, step):
            text += [] if token is None else [token]
    return texts


def own_windows(lm: LanguageModel, window: int, count: int, *, seed: int) -> Int64[Tensor, "C T"] | None:
    """Windows of a decoder's own words, to fit to beside a text: what is fitted to that alone loses more on others.

    Texts begin as the documents of its training did. A chat model's first token opens a message, and what follows that
    alone is of fewer kinds. (To begin with any token, as arXiv:2305.17888 does, helped half as much; docs/log.md.)

    Args:
        lm: a decoder with a head.
        window: tokens of a window, as many as the model can read at most.
        count: of windows.
        seed: of the tokens that are drawn.

    Returns:
        Ids, or None of a model that has no token to begin with, or is no decoder.
    """
    between = lm.tokenizer.id(_BETWEEN)
    begin = lm.tokenizer.bos if between is None else between
    if lm.config.kind != "decoder" or begin is None or not count:
        return None
    in_each = -(-window // _SHORT)
    length = -(-window // in_each)
    texts = own_words(lm, lm.model, [[begin]] * (count * in_each), length - 1, (_APART + seed) % (1 << 32))
    return torch.tensor(texts, dtype=torch.int64).view(count, in_each * length)[:, :window]
