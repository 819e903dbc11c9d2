"""What is known of the curvature of a model's loss."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eigenlm.curvature.gradient_flow import GradientFlow
from eigenlm.estimate import Estimate
from eigenlm.shown import Shown


@dataclass(frozen=True, kw_only=True)
class Eigenvalue:
    """One eigenvalue and how well it is known.

    Attributes:
        value: x^T A x of the vector x that was found.
        residual: ||A x - value x||, by one more product: an eigenvalue of A lies within it of `value`.
    """

    value: float
    residual: float


@dataclass(frozen=True, kw_only=True)
class BlockCurvature:
    """The curvature in one matrix's parameters alone, all others held.

    Attributes:
        name: name of the matrix.
        num_params: how many numbers it holds.
        trace: trace of its Gauss-Newton block.
        trace_per_param: that divided by the number of parameters: the mean curvature along one of them.
        hessian_trace: trace of its Hessian block; negative where the matrix stands on a ridge.
        frobenius_norm: Frobenius norm of its Gauss-Newton block.
        largest: the largest eigenvalue of its Gauss-Newton block; None where it was not looked for.
        kfac_error: ||K - B||_F / ||B||_F of the Kronecker-factored approximation K to the Gauss-Newton block B.
        kfac_trace_ratio: tr K / tr B.
        kfac_cosine: <K, B> / (||K||_F ||B||_F).
    """

    name: str
    num_params: int
    trace: Estimate | None
    trace_per_param: float | None
    hessian_trace: Estimate | None
    frobenius_norm: Estimate | None
    largest: Eigenvalue | None
    kfac_error: Estimate | None
    kfac_trace_ratio: Estimate | None
    kfac_cosine: Estimate | None


@dataclass(frozen=True, kw_only=True)
class Density(Shown):
    """How the eigenvalues are spread.

    Attributes:
        eigenvalues: places on the axis, ascending.
        density: share of all eigenvalues per unit there, smoothed.
        low: lower end of its 95 % interval over random starts.
        high: the upper end.
        width: standard deviation of the Gaussian that smooths it: finer detail is not resolved.
    """

    eigenvalues: tuple[float, ...]
    density: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    width: float


@dataclass(frozen=True, kw_only=True)
class Curvature(Shown):
    """The second derivative of the mean next-token loss on some windows of text.

    Attributes:
        num_params: how many numbers the loss is differentiated in.
        num_tokens: how many tokens were predicted; 0 if the module predicts none.
        loss: nats a token; None if the module predicts no tokens.
        hessian_largest: eigenvalues of the Hessian, the largest first.
        hessian_smallest: the smallest first; negative ones are directions along which the loss still bends down.
        gauss_newton_largest: eigenvalues of the Gauss-Newton matrix, the Hessian without the model's own curvature.
        hessian_density: how the Hessian's eigenvalues are spread.
        hessian_trace: the sum of the Hessian's eigenvalues.
        gauss_newton_trace: the sum of the Gauss-Newton matrix's.
        block_diagonal_error: ||blockdiag(G) - G||_F / ||G||_F of the Gauss-Newton matrix G, a block for each parameter:
            what is lost by treating parameters one by one.
        blocks: the curvature in each matrix alone.
        gradient_flow: the gains of the layers, with their norms and without.
        left_out: what could not be measured, and why.
    """

    num_params: int
    num_tokens: int
    loss: float | None = None
    hessian_largest: tuple[Eigenvalue, ...] = ()
    hessian_smallest: tuple[Eigenvalue, ...] = ()
    gauss_newton_largest: tuple[Eigenvalue, ...] = ()
    hessian_density: Density | None = None
    hessian_trace: Estimate | None = None
    gauss_newton_trace: Estimate | None = None
    block_diagonal_error: Estimate | None = None
    blocks: tuple[BlockCurvature, ...] = ()
    gradient_flow: GradientFlow | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
