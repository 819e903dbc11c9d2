"""A figure that is only known so well."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure and its 95 % interval.

    Attributes:
        value: the figure.
        low: lower end of the interval.
        high: upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"

    def exp(self) -> "Estimate":
        """e to the power of all three."""
        return Estimate(value=math.exp(self.value), low=math.exp(self.low), high=math.exp(self.high))

    def root(self) -> "Estimate":
        """The square root of all three, of 0 where one is negative."""
        low, value, high = (math.sqrt(max(x, 0.0)) for x in (self.low, self.value, self.high))
        return Estimate(value=value, low=low, high=high)
