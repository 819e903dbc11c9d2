"""How much of a gradient is chance: the simple noise scale of arXiv:1812.06162.

The gradient g of a batch has mean G, the true gradient, and E|g|^2 = |G|^2 + tr(Sigma) / B (equation A.1 there). Two
estimators tell the two terms apart; B is counted in batches of a step, so B = 1 for the whole one.

**Micro-batches** (appendix A.1, equations A.2 and A.3). Where a step adds up micro-batches, the first alone, a share s
of the step, gives |g_s|^2 for nothing, and both estimates are without bias:

    |G|^2 = (|g|^2 - s |g_s|^2) / (1 - s),        tr(Sigma) = (|g_s|^2 - |g|^2) / (1 / s - 1).

**Successive steps**, where there is one micro-batch. Gradients of neighbouring steps come from different texts and
nearly the same weights, so that, over every sixteenth row of each matrix,

    |G|^2 = <g', g>,        tr(Sigma) = (|g'|^2 + |g|^2) / 2 - <g', g>.

Its bias: the step between them turns G. To first order <g', g> is off by <g', H dW>, which is negative where the step
goes down; with large learning rates the noise comes out too large. Read it as a curve, not as a batch size.

Both are noisy (their own noise is that of one step), so numerator and denominator are averaged over readings before
they are divided, as appendix A.1 does.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from eigenlm.training.telemetry.matrices import ratio, whole
from eigenlm.training.telemetry.reading import NoiseSource

_KEEP = 0.9  # of the averages, a reading: they look back on about ten
_EVERY_ROW = 16
_SOURCES: tuple[NoiseSource | None, ...] = (None, "micro-batches", "successive steps")


@dataclass
class GradientNoise:
    """Running averages of |G|^2 and tr(Sigma).

    Attributes:
        signal: average of |G|^2 estimates; like `noise`, it starts at zero, which their quotient does not see.
        noise: average of tr(Sigma) estimates.
        source: the estimator used last.
    """

    signal: float = 0.0
    noise: float = 0.0
    source: NoiseSource | None = None

    def from_micro_batch(self, small_squared: float, whole_squared: float, share: float) -> None:
        """Take in |g_s|^2 of a micro-batch that is `share` (0 to 1) of the step, and |g|^2 of the step."""
        signal = (whole_squared - share * small_squared) / (1 - share)
        self._average(signal, (small_squared - whole_squared) / (1 / share - 1), "micro-batches")

    def from_successive(self, before_squared: float, now_squared: float, product: float) -> None:
        """Take in |g'|^2, |g|^2 and <g', g> of two steps in a row."""
        self._average(product, (before_squared + now_squared) / 2 - product, "successive steps")

    @property
    def scale(self) -> float | None:
        """tr(Sigma) / |G|^2 in batches; None before the first estimate, and where |G|^2 drowns in the noise."""
        return ratio(max(self.noise, 0.0), self.signal) if self.signal > 0 else None

    def state_dict(self) -> dict[str, float]:
        """All of it, as plain numbers."""
        return {"signal": self.signal, "noise": self.noise, "source": float(_SOURCES.index(self.source))}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Go on from what `state_dict` gave."""
        self.signal, self.noise, self.source = state["signal"], state["noise"], _SOURCES[int(state["source"])]

    def _average(self, signal: float, noise: float, source: NoiseSource) -> None:
        if not (math.isfinite(signal) and math.isfinite(noise)):
            return  # the alarm for NaN is another's; an average never forgets one
        self.source = source
        self.signal = _KEEP * self.signal + (1 - _KEEP) * signal
        self.noise = _KEEP * self.noise + (1 - _KEEP) * noise


def some_rows(gradient: Tensor) -> Tensor:
    """Every sixteenth row: enough to estimate a ratio of two sums over entries, and little to keep."""
    return whole(gradient)[::_EVERY_ROW]
