"""What one look at the matrices gives: plain numbers, ready for JSON and for curves."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

NoiseSource = Literal["micro-batches", "successive steps"]


@dataclass(frozen=True, kw_only=True)
class MatrixReading:
    """One matrix after one step; None stands for what is no finite number.

    Attributes:
        spectral_norm: sigma_1, from below, by warm power iteration.
        frobenius_norm: ||W||_F.
        stable_rank: ||W||_F^2 / sigma_1^2, hence from above.
        update_ratio: ||dW||_F / ||W||_F, of the step just made and the weights it led to.
        gradient_norm: ||dL/dW||_F before the step, not clipped.
    """

    spectral_norm: float | None
    frobenius_norm: float | None
    stable_rank: float | None
    update_ratio: float | None
    gradient_norm: float | None


@dataclass(frozen=True, kw_only=True)
class Totals:
    """All watched matrices as one vector; None where there is no finite number (yet).

    Attributes:
        weight_norm: its length.
        update_ratio: length of its last change over its length.
        gradient_norm: of the loss, not clipped.
        noise_scale: B_simple = tr(Sigma) / |G|^2 (arXiv:1812.06162, equation 2.9), in batches of a step: above 1, a
            larger batch would still take a cleaner step; far below 1, the batch is larger than it need be.
        noise_source: the estimator, see `GradientNoise`.
    """

    weight_norm: float | None
    update_ratio: float | None
    gradient_norm: float | None
    noise_scale: float | None
    noise_source: NoiseSource | None


@dataclass(frozen=True, kw_only=True)
class SpectrumReading:
    """The whole spectrum of one matrix, in three numbers.

    Attributes:
        matrix: its name.
        effective_rank: exp of the entropy of sigma / sum(sigma).
        spectral_norm: sigma_1, exact.
        condition: sigma_1 / sigma_min.
    """

    matrix: str
    effective_rank: float | None
    spectral_norm: float | None
    condition: float | None


@dataclass(frozen=True, kw_only=True)
class SharpnessReading:
    """The top of the Hessian's spectrum on a fixed batch.

    Attributes:
        eigenvalue: the largest.
        residual: some eigenvalue lies this near to it.
        products: Hessian-vector products it took.
        limit: 2 / learning rate, above which gradient descent is unstable (arXiv:2103.00065, section 2); None without a
            learning rate.
    """

    eigenvalue: float | None
    residual: float | None
    products: int
    limit: float | None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read after a step; `dataclasses.asdict` makes it plain JSON.

    Attributes:
        step: the step just made.
        matrices: name -> what it is like; empty on steps that only a spectrum or the Hessian was due.
        totals: of all of them; None on such steps.
        spectrum: of the matrix whose turn it was.
        hessian: its top, where one was due.
    """

    step: int
    matrices: dict[str, MatrixReading]
    totals: Totals | None
    spectrum: SpectrumReading | None
    hessian: SharpnessReading | None


def scalars(reading: Reading) -> dict[str, float]:
    """The numbers of a reading under the names of their curves, `update_ratio/blocks.3.attention.query`."""
    return dict(_curves(reading))


def _curves(reading: Reading) -> Iterator[tuple[str, float]]:
    for name, matrix in reading.matrices.items():
        for quantity, value in asdict(matrix).items():
            if value is not None:
                yield f"{quantity}/{name}", value
    if reading.spectrum is not None:
        for quantity in ("effective_rank", "condition"):
            value = getattr(reading.spectrum, quantity)
            if value is not None:
                yield f"{quantity}/{reading.spectrum.matrix}", value
    for group, whole in (("total", reading.totals), ("hessian", reading.hessian)):
        for quantity, value in asdict(whole).items() if whole is not None else ():
            if isinstance(value, (int, float)):
                yield f"{group}/{quantity}", value
