"""From logits to the next token."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.errors import ConfigError, explain


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is chosen; the steps apply in the order of the attributes.

    Attributes:
        never: tokens that are not chosen.
        repetition_penalty: logits of tokens seen before are divided by it if positive, multiplied if negative
            (arXiv:1909.05858, section 4.1); 1 for none.
        temperature: logits are divided by it; 0 takes the likeliest token.
        top_k: only the k likeliest tokens; 0 for all.
        top_p: only the likeliest tokens that together reach this probability (arXiv:1904.09751).
        min_p: only tokens at least this fraction as likely as the likeliest (arXiv:2407.01082).
        seed: row r of a batch draws from a generator of its own, seeded with seed + r; None draws anew each time.
    """

    never: tuple[int, ...] = ()
    repetition_penalty: float = 1.0
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no distribution."""
        for name, value, fits, expected in (
            ("repetition_penalty", self.repetition_penalty, self.repetition_penalty > 0, "a number above 0"),
            ("temperature", self.temperature, self.temperature >= 0, "0 or more"),
            ("top_k", self.top_k, self.top_k >= 0, "0 (all) or more"),
            ("top_p", self.top_p, 0 < self.top_p <= 1, "a probability in (0, 1]"),
            ("min_p", self.min_p, 0 <= self.min_p <= 1, "a fraction in [0, 1]"),
        ):
            if not fits:
                raise ConfigError(explain(name, expected=expected, got=value))


class Sampler:
    """Chooses tokens for the rows of one batch, each row with its own random numbers."""

    def __init__(self, sampling: Sampling, num_rows: int, device: torch.device) -> None:
        self.sampling = sampling
        self.generators = [torch.Generator(device) for _ in range(num_rows)]
        for row, generator in enumerate(self.generators):
            _ = generator.seed() if sampling.seed is None else generator.manual_seed(sampling.seed + row)

    def choose(self, logits: Float[Tensor, "B V"], seen: Sequence[Int[Tensor, " _"]]) -> Int[Tensor, " B"]:
        """The next token of each row.

        Args:
            logits: (B, V) of the next token.
            seen: tokens so far of each row, for the repetition penalty.
        """
        logits = logits.float()
        if self.sampling.never:
            logits = logits.index_fill(-1, torch.tensor(self.sampling.never, device=logits.device), -torch.inf)
        if self.sampling.repetition_penalty != 1.0:
            logits = torch.stack([self._penalised(row, tokens) for row, tokens in zip(logits, seen)])
        if self.sampling.temperature == 0.0:
            return logits.argmax(dim=-1)
        kept = keep_likely(logits / self.sampling.temperature, self.sampling)
        rows = [
            torch.multinomial(row.softmax(dim=-1), 1, generator=generator)
            for row, generator in zip(kept, self.generators)
        ]
        return torch.cat(rows)

    def _penalised(self, logits_V: Tensor, tokens: Tensor) -> Tensor:
        penalty = self.sampling.repetition_penalty
        scores = logits_V[tokens]
        return logits_V.scatter(0, tokens, torch.where(scores > 0, scores / penalty, scores * penalty))


def keep_likely(logits: Float[Tensor, "B V"], sampling: Sampling) -> Float[Tensor, "B V"]:
    """Logits with -inf for the tokens that top_k, top_p and min_p leave out; the likeliest always stays."""
    if sampling.top_k:
        kth = logits.topk(min(sampling.top_k, logits.shape[-1]), dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < kth, -torch.inf)
    if sampling.top_p < 1.0:
        ordered, order = logits.sort(dim=-1, descending=True)
        probabilities = ordered.softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities
        dropped = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, before >= sampling.top_p)
        logits = logits.masked_fill(dropped, -torch.inf)
    if sampling.min_p:
        probabilities = logits.softmax(dim=-1)
        likeliest = probabilities.amax(dim=-1, keepdim=True)
        logits = logits.masked_fill(probabilities < sampling.min_p * likeliest, -torch.inf)
    return logits
