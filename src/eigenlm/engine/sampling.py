"""From logits to the next token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.allowed import check
from eigenlm.parameters import check_known

_COLDEST = 1e-30  # of two float32 logits around 1 that differ, none but the larger is drawn at it

BEYOND_FLOATS = "the model's numbers outgrow its floats on this text: its file may be damaged"


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is chosen; the steps apply in the order of the attributes.

    Attributes:
        never: tokens that are not chosen; those that the model does not have are none.
        repetition_penalty: logits of tokens seen before are divided by it if positive, multiplied if negative
            (arXiv:1909.05858, section 4.1); 1 for none.
        temperature: logits are divided by it; 0 takes the likeliest token.
        top_k: only the k likeliest tokens; 0 for all.
        top_p: only the likeliest tokens that together reach this probability (arXiv:1904.09751).
        min_p: only tokens at least this fraction as likely as the likeliest (arXiv:2407.01082).
        seed: the same tokens are drawn again; None draws anew each time.
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
        check(**vars(self))

    def changed(self, choice: Mapping[str, Any]) -> "Sampling":
        """The same but for the attributes that are given by name.

        Raises:
            ConfigError: there is no such attribute, or its value is no choice.
        """
        check_known("sampling", choice, [field.name for field in fields(self)])
        return replace(self, **choice)

    def of_row(self, row: int) -> "Sampling":
        """The same for a row of a batch, whose seed is greater by its number, so that equal prompts differ."""
        return self if self.seed is None else replace(self, seed=(self.seed + row) % (1 << 32))


class Sampler:
    """Chooses the tokens of one text, with random numbers of its own.

    Args:
        sampling: how.
        prompt: tokens of the text so far.
        device: of the logits.
    """

    def __init__(self, sampling: Sampling, prompt: Sequence[int], device: torch.device) -> None:
        self.sampling = sampling
        self.form = replace(sampling, seed=None)
        self._generator = torch.Generator(device)
        _ = self._generator.seed() if sampling.seed is None else self._generator.manual_seed(sampling.seed)
        self._never = torch.tensor(sampling.never, dtype=torch.long, device=device)
        self._prompt = prompt
        self._seen: Tensor | None = None  # (V,), where a penalty asks for it

    @property
    def adjusts(self) -> bool:
        """Whether logits are changed before the likeliest token is known."""
        return self.sampling.repetition_penalty != 1.0 or bool(self.sampling.never)

    def adjusted(self, logits: Float[Tensor, " V"]) -> Float[Tensor, " V"]:
        """Logits with those of tokens seen before made less likely, and -inf for those never chosen."""
        logits, penalty = logits.index_fill(0, self._never, -torch.inf), self.sampling.repetition_penalty
        if penalty != 1.0:
            if self._seen is None:
                self._seen = torch.zeros_like(logits, dtype=torch.bool)
                self._seen[list(self._prompt)] = True
            logits = torch.where(self._seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
        return logits

    def draw(self, probabilities: Float[Tensor, " V"]) -> Int[Tensor, " 1"]:
        """A token."""
        return torch.multinomial(probabilities, 1, generator=self._generator)

    def see(self, token: int) -> None:
        """Remember a token that was chosen."""
        if self._seen is not None:
            self._seen[token] = True


def choose(logits: Float[Tensor, "B V"], samplers: Sequence[Sampler]) -> list[int | None]:
    """The next token of each row, by the sampler of each; the one thing of a step that the host waits for.

    None stands for a row whose logits are NaN or infinite.
    """
    logits_BV = logits.float()
    if any(sampler.adjusts for sampler in samplers):
        logits_BV = torch.stack([s.adjusted(row) if s.adjusts else row for row, s in zip(logits_BV, samplers)])
    largest_B, chosen_B = logits_BV.max(dim=-1)  # NaN where one of the row is
    for form, rows in _drawn_alike(samplers).items():
        # Less the largest, so that no temperature makes them infinite; what is no number is told of below.
        cooled = (logits_BV[rows] - largest_B[rows, None]) / max(form.temperature, _COLDEST)
        kept = keep_likely(cooled, form).softmax(dim=-1).nan_to_num(1.0)
        chosen_B[rows] = torch.cat([samplers[row].draw(p) for row, p in zip(rows, kept)])
    chosen = torch.where(largest_B.isfinite(), chosen_B, -1).tolist()
    tokens = [None if token < 0 else token for token in chosen]
    for sampler, token in zip(samplers, tokens, strict=True):
        if token is not None:
            sampler.see(token)
    return tokens


def _drawn_alike(samplers: Sequence[Sampler]) -> dict[Sampling, list[int]]:
    """The rows that are drawn, by how."""
    rows: dict[Sampling, list[int]] = {}
    for row, sampler in enumerate(samplers):
        if sampler.sampling.temperature:
            rows.setdefault(sampler.form, []).append(row)
    return rows


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
