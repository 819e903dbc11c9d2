"""What a plan is to reach: how much may stay, or how much may be lost."""

from dataclasses import dataclass
from typing import TypedDict

from eigenlm.allowed import chosen_goal


class Asked(TypedDict, total=False):
    """One of the goals of `allowed.GOALS`.

    Attributes:
        keep: fraction of the bytes of the linear layers' matrices as they are now, in (0, 1]; biases and places of rows
            are not counted.
        bits: bits a number of these matrices may take on average, steps and all else that is stored of them included.
        size: bytes that the model's file may have, such as `50MB`, the embedding and all that is no matrix included.
        time: fraction of the time that a token's products take on this machine as the matrices are now, in (0, 1).
        max_loss: nats per token by which the nll may rise (for an encoder, the divergence from what it said).
        max_kl: nats per token that the divergence KL(before || after) of the predictions may have.
    """

    keep: float
    bits: float
    size: int | str
    time: float
    max_loss: float
    max_kl: float


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One of `Asked`.

    Attributes:
        kind: its name.
        value: in its unit.
    """

    kind: str
    value: float

    @classmethod
    def of(cls, keep: float | None, asked: Asked | None) -> "Goal":
        """The one that was asked for, by what to keep or otherwise; to keep .9 where none was.

        Raises:
            ConfigError: several, an unknown one, or a value that it cannot have.
        """
        kind, value = chosen_goal({**({} if keep is None else {"keep": keep}), **(asked or {})})
        return cls(kind=kind, value=value)

    @property
    def whole(self) -> bool:
        """Whether it is about the whole model, so that the table of tokens is planned for as well."""
        return self.kind not in ("keep", "bits")
