"""The curvature of a model's loss on a text: its extremes, its density, its blocks, and how gradients flow."""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Int
from torch import Tensor, nn

from eigenlm.analysis.curvature.results import BlockCurvature, Curvature, Density, Eigenvalue
from eigenlm.curvature.blocks import Blocks, block_traces, blocks_of
from eigenlm.curvature.gauss_newton import GaussNewton
from eigenlm.curvature.gradient_flow import GradientFlow, gradient_flow
from eigenlm.curvature.hessian import hessian
from eigenlm.curvature.kfac import kfac
from eigenlm.curvature.memory import needed_memory
from eigenlm.curvature.objective import Objective, next_token
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.estimate import Estimate
from eigenlm.linalg.eigenpairs import Eigenpairs, End, basis_bytes, eigenpairs
from eigenlm.linalg.spectral_density import spectral_density
from eigenlm.linalg.symmetric_operator import SymmetricOperator
from eigenlm.machine.memory import check_memory
from eigenlm.model import Transformer
from eigenlm.observe.predictions import logits_of

# Where there are fewer parameters in all, the largest eigenvalue of every block is cheap; else of a few.
_SMALL, _FEW = 2_000_000, 2
_MOST_POINTS = 200
_BASIS_BYTES = 5 * 2**30  # for Lanczos vectors: with the Hessian's graph of a model of 135M parameters, 9 GB in all
_USUAL = 12  # vectors beyond the pairs asked for, where memory allows
_ENDS: dict[End, int] = {"largest": 1, "both": 2}

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is measured; the defaults take a model of 135 million parameters about a quarter of an hour.

    Attributes:
        eigenvalues: how many are found at each end.
        rel_residual: the part of an eigenvalue below which its residual is driven.
        probes: how many products the Hessian's traces take.
        groups: how many groups of four gradients are drawn for the Gauss-Newton matrix's blocks.
        draws: how often labels are drawn for KFAC's factors.
        starts: how many random starts the spectral density has, at least two.
        steps: how many steps are taken from each start.
        max_products: how many products are taken before eigenvalues are given with the residuals they have.
        blocks: how many matrices get their largest eigenvalue, those of the largest trace first; None for all of a
            model of at most two million parameters, and two of a larger one.
    """

    eigenvalues: int = 4
    rel_residual: float = 1e-2
    probes: int = 6
    groups: int = 6
    draws: int = 2
    starts: int = 2
    steps: int = 24
    max_products: int = 56
    blocks: int | None = None


def curvature(
    module: nn.Module, windows: Int[Tensor, "B T"], *, effort: Effort | None = None, seed: int = 0
) -> Curvature:
    """Measure a model's curvature on some windows of text; what fails is named in `left_out`, and the rest goes on.

    The graphs of the Gauss-Newton matrix and of the Hessian are held one after the other.

    Args:
        module: a causal language model that gives logits for ids, ours or Hugging Face's. Of other modules only the
            gradient flow can be measured.
        windows: (B, T) token ids; 256 tokens in all are a good beginning.
        effort: how much is measured.
        seed: seed of everything that is random.

    Raises:
        DataError: windows of fewer than two tokens.
    """
    if windows.shape[0] < 1 or windows.shape[1] < 2:
        do = "give a longer text or a shorter window"
        raise DataError(explain("curvature", expected="windows of two tokens or more", got=tuple(windows.shape), do=do))
    measuring = _Measuring(module, windows, effort or Effort(), seed)
    objective = measuring.attempt("loss", lambda: _objective(module, windows))
    if objective is not None:
        measuring.gauss_newton(objective)
        measuring.hessian(objective)
    flow = measuring.attempt("gradient flow", lambda: _flow(module, windows[:1], objective, seed))
    pairs, curved = measuring.hessian_pairs, measuring.blocks
    return Curvature(
        num_params=sum(parameter.numel() for parameter in module.parameters()),
        num_tokens=objective.count if objective is not None else 0,
        loss=_loss(objective) if objective is not None else None,
        hessian_largest=_eigenvalues(pairs)[: len(pairs.values) // 2] if pairs else (),
        hessian_smallest=_eigenvalues(pairs)[: -len(pairs.values) // 2 - 1 : -1] if pairs else (),
        gauss_newton_largest=_eigenvalues(measuring.gauss_newton_pairs),
        hessian_density=measuring.density,
        hessian_trace=_finite(measuring.hessian_trace),
        gauss_newton_trace=_finite(curved.trace) if curved else None,
        block_diagonal_error=_finite(curved.block_diagonal_error) if curved else None,
        blocks=tuple(measuring.rows()) if objective is not None else (),
        gradient_flow=flow,
        left_out=measuring.left_out,
    )


class _Measuring:
    """The steps on one module, what they found, and which of them failed; they fail alone."""

    def __init__(self, module: nn.Module, windows: Tensor, effort: Effort, seed: int) -> None:
        self._module, self._windows, self._effort, self._seed = module, windows, effort, seed
        self._sizes = {name: parameter.numel() for name, parameter in module.named_parameters()}
        self.left_out: dict[str, str] = {}
        self.gauss_newton_pairs: Eigenpairs | None = None
        self.blocks: Blocks | None = None
        self.largest: dict[str, Eigenvalue] = {}
        self.hessian_pairs: Eigenpairs | None = None
        self.hessian_traces: dict[str, Estimate] = {}
        self.hessian_trace: Estimate | None = None
        self.density: Density | None = None

    def attempt(self, name: str, step: Callable[[], T]) -> T | None:
        """What the step gives; where it fails, None and a line in `left_out`."""
        try:
            return step()
        except Exception as error:  # the module is anybody's: it may run out of memory, or have no second derivative
            self.left_out[name] = " ".join(str(error).split()) or type(error).__name__
            return None

    def gauss_newton(self, objective: Objective) -> None:
        """Eigenvalues, blocks, KFAC's error."""
        effort, inputs = self._effort, self._windows[:, :-1]
        factors = self.attempt("KFAC", lambda: kfac(self._module, inputs, draws=effort.draws, seed=self._seed)) or {}
        G = self.attempt("Gauss-Newton matrix", lambda: self._fitting(objective, "largest", GaussNewton))
        if G is None:
            return
        self.gauss_newton_pairs = self.attempt("Gauss-Newton eigenvalues", lambda: self._pairs(G, "largest"))
        kinds = {name: {"kfac": K} for name, K in factors.items()}
        self.blocks = self.attempt(
            "Gauss-Newton blocks", lambda: blocks_of(G, self._sizes, kinds, groups=effort.groups, seed=self._seed)
        )
        del G, factors, kinds
        for name in self._heaviest():
            top = self.attempt(f"largest eigenvalue of {name}", functools.partial(self._top, objective, name))
            if top is not None:
                self.largest[name] = top

    def hessian(self, objective: Objective) -> None:
        """Traces, eigenvalues, density."""
        effort = self._effort
        H = self.attempt("Hessian", lambda: self._fitting(objective, "both", hessian))
        if H is None:
            return
        traces = self.attempt(
            "Hessian traces", lambda: block_traces(H, self._sizes, probes=effort.probes, seed=self._seed)
        )
        self.hessian_traces, self.hessian_trace = traces or ({}, None)
        self.hessian_pairs = self.attempt("Hessian eigenvalues", lambda: self._pairs(H, "both"))
        self.density = self.attempt("Hessian density", lambda: self._density(H))

    def rows(self) -> Iterator[BlockCurvature]:
        """Every matrix with what was found of it."""
        for name, parameter in self._module.named_parameters():
            if parameter.ndim < 2:
                continue
            block = self.blocks.blocks[name] if self.blocks is not None else None
            fit = block.agreements.get("kfac") if block is not None else None
            yield BlockCurvature(
                name=name.removesuffix(".weight"),
                num_params=parameter.numel(),
                trace=_finite(block.trace) if block else None,
                trace_per_param=block.trace.value / parameter.numel() if block else None,
                hessian_trace=_finite(self.hessian_traces.get(name)),
                frobenius_norm=_finite(block.frobenius_norm) if block else None,
                largest=self.largest.get(name),
                kfac_error=_finite(fit.error) if fit else None,
                kfac_trace_ratio=_finite(fit.trace_ratio) if fit else None,
                kfac_cosine=_finite(fit.cosine) if fit else None,
            )

    def _fitting(self, objective: Objective, which: End, build: Callable[[Objective], T]) -> T:
        """An operator, if it and a basis for its eigenvalues will fit into memory."""
        parameter = next(self._module.parameters())
        n, size = sum(self._sizes.values()), self._effort.eigenvalues * _ENDS[which] + _USUAL
        basis = min(basis_bytes(n, size, parameter.dtype), _BASIS_BYTES)
        do = "give fewer or shorter windows, ask for fewer eigenvalues, or take a smaller model"
        check_memory(needed_memory(objective) + basis, parameter.device, "curvature", do)
        return build(objective)

    def _pairs(self, operator: SymmetricOperator, which: End) -> Eigenpairs:
        ends = _ENDS[which]
        count = min(self._effort.eigenvalues, operator.n // ends)
        return eigenpairs(
            operator,
            count,
            which,
            rel_residual=self._effort.rel_residual,
            basis_size=_basis_size(operator, ends * count),
            max_products=self._effort.max_products,
            seed=self._seed,
        )

    def _density(self, operator: SymmetricOperator) -> Density:
        effort = self._effort
        found = spectral_density(
            operator, steps=effort.steps, probes=effort.starts, points=_MOST_POINTS, seed=self._seed
        )
        return Density(eigenvalues=found.grid, density=found.density, low=found.low, high=found.high, width=found.width)

    def _top(self, objective: Objective, name: str) -> Eigenvalue:
        """The largest eigenvalue of one Gauss-Newton block, by products with that block alone."""
        block, effort = GaussNewton(objective, [name]), self._effort
        found = eigenpairs(
            block, 1, rel_residual=effort.rel_residual, max_products=effort.max_products, seed=self._seed
        )
        return _eigenvalues(found)[0]

    def _heaviest(self) -> list[str]:
        """Matrices of the largest trace, as many as shall get their largest eigenvalue."""
        if self.blocks is None:
            return []
        traces = {name: block.trace.value for name, block in self.blocks.blocks.items()}
        matrices = [name for name, parameter in self._module.named_parameters() if parameter.ndim > 1]
        count = self._effort.blocks
        if count is None:
            count = len(matrices) if sum(self._sizes.values()) <= _SMALL else _FEW
        return sorted(matrices, key=lambda name: -traces[name])[:count]


def _objective(module: nn.Module, windows: Tensor) -> Objective:
    """The mean next-token loss, of modules that have one."""
    kind = module.config.kind if isinstance(module, Transformer) else "decoder"
    width = 0
    if kind == "decoder":
        with torch.no_grad():
            width = logits_of(module, windows[:1]).shape[-1]
    if width <= int(windows.max()):
        got = f"an {kind}" if kind != "decoder" else f"{width} numbers a token for ids up to {int(windows.max())}"
        do = "only the gradient flow is measured"
        raise ConfigError(explain("curvature", expected="a module that predicts the next token", got=got, do=do))
    return next_token(module, windows)


def _loss(objective: Objective) -> float | None:
    with torch.no_grad():
        loss = sum(float(term()) for term in objective.terms())
    return loss if math.isfinite(loss) else None


def _flow(module: nn.Module, window: Tensor, objective: Objective | None, seed: int) -> GradientFlow:
    """On one window, with the loss where there is one."""
    if objective is None:
        return gradient_flow(module, window, seed=seed)
    return gradient_flow(module, window[:, :-1], next_token(module, window).terms()[0], seed=seed)


def _basis_size(operator: SymmetricOperator, pairs: int) -> int | None:
    """Vectors that fit into `_BASIS_BYTES`; None for the usual number."""
    usual = pairs + _USUAL
    needed = basis_bytes(operator.n, usual, operator.dtype)
    return None if needed <= _BASIS_BYTES else max(pairs + 2, _BASIS_BYTES * usual // needed)


def _eigenvalues(pairs: Eigenpairs | None) -> tuple[Eigenvalue, ...]:
    if pairs is None:
        return ()
    return tuple(Eigenvalue(value=v, residual=r) for v, r in zip(pairs.values.tolist(), pairs.residuals.tolist()))


def _finite(estimate: Estimate | None) -> Estimate | None:
    """None for a ratio to zero, as of a matrix that the loss does not feel."""
    if estimate is None or not all(map(math.isfinite, (estimate.value, estimate.low, estimate.high))):
        return None
    return estimate
