"""Induction: whether a head, at a token that has come before, looks at what followed it then."""

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.attention import Scores, Visibility, attention_weights
from eigenlm.linalg.seeded import seeded
from eigenlm.model import Transformer
from eigenlm.observe.watching import run, watch_attention

_TEXTS = 4
_MOST_TOKENS = 64


def induction_scores(model: Transformer, *, seed: int = 0) -> dict[int, Float[Tensor, " H"]] | None:
    """Mean attention from each token of a second copy to the token after the same one in the first copy.

    Texts are L = 64 different random tokens, twice (fewer in a short context or a small vocabulary), so that nothing
    but the repetition says what comes next: query L + t looks at key t + 1. A head that looks at all keys alike gets
    about 1 / (1.5 L). Source: arXiv:2209.11895, "prefix matching".

    Args:
        model: a decoder.
        seed: seed of the generator that draws the random tokens.

    Returns:
        A score in [0, 1] for each head of each layer whose attention is a softmax; None where the context has no room
        for two copies of two tokens.
    """
    L = min(_MOST_TOKENS, model.config.context_length // 2, model.config.vocab_size)
    if L < 2:
        return None
    scores: dict[int, Float[Tensor, " H"]] = {}

    def see(layer: int, query: Tensor, key: Tensor, visible: Visibility, how: Scores) -> None:
        with torch.autocast(query.device.type, enabled=False):
            weights_BHTS = attention_weights(query.float(), key.float(), visible, how)
        # The diagonal of keys L - 1 before their query begins at the last token of the first copy.
        scores[layer] = weights_BHTS.diagonal(1 - L, dim1=2, dim2=3)[..., 1:].mean((0, 2))

    generator = seeded(seed)
    copies = torch.stack([torch.randperm(model.config.vocab_size, generator=generator)[:L] for _ in range(_TEXTS)])
    with watch_attention(model, see):
        run(model, copies.repeat(1, 2).to(next(model.parameters()).device))
    return scores
