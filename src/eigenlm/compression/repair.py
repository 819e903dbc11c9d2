"""What rounding took from a model's matrices, given back by a matrix of low rank beside each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.allowed import check
from eigenlm.compression.forecast import loss_between
from eigenlm.compression.held_out import kept_apart
from eigenlm.compression.offers import SHRINKAGE
from eigenlm.compression.plan import Calibration
from eigenlm.errors import ConfigError, explain
from eigenlm.estimate import Estimate
from eigenlm.linalg.allocation import choose, product_cost
from eigenlm.linalg.low_rank import RankedFactors, low_rank
from eigenlm.linear import LinearMap, LowRankLinear, SumLinear
from eigenlm.model import Transformer
from eigenlm.observe import evaluating, linears, measure, replace_, twin_of
from eigenlm.progress import track
from eigenlm.shown import Shown

Factors = tuple[Float[Tensor, "m R"], Float[Tensor, "R n"]]


@dataclass(frozen=True, kw_only=True)
class LayerRepair(Shown):
    """What one matrix gets.

    Attributes:
        name: of the layer.
        rank: R, of what is added.
        num_params: numbers of what is added, R (m + n).
        loss_before: what rounding the matrix costs, nats per token to second order on the calibration text.
        loss: what is left of it.
    """

    name: str
    rank: int
    num_params: int
    loss_before: float
    loss: float

    @classmethod
    def of(cls, name: str, best: RankedFactors, rank: int) -> "LayerRepair":
        """Of the best residuals of a layer, that of this rank."""
        num_params = rank * (len(best.B) + best.A.shape[1])
        loss_before, loss = (float(best.tail[kept]) for kept in (0, rank))
        return cls(name=name, rank=rank, num_params=num_params, loss_before=loss_before, loss=loss)


@dataclass(frozen=True, kw_only=True)
class Repair(Shown):
    """How much of what rounding cost a model was given back, and by what.

    Attributes:
        layers: the matrices that something is added to.
        before: the increase of the nll by rounding, nats per token, on windows that the repair did not see (for an
            encoder what `forecast` tells).
        after: what is left of it in the repaired model.
        calibration: the text.
        factors: B (m, R) and A (R, n) of what is added, by layer.
    """

    layers: tuple[LayerRepair, ...]
    before: Estimate
    after: Estimate
    calibration: Calibration
    factors: Mapping[str, Factors] = field(default_factory=dict, repr=False, compare=False)

    @property
    def recovered(self) -> float:
        """The part of the increase that is gone; NaN where there was none."""
        return 1 - self.after.value / self.before.value if self.before.value > 0 else math.nan

    @property
    def num_params(self) -> int:
        """Numbers that are added."""
        return sum(layer.num_params for layer in self.layers)


def repair(
    original: Transformer,
    rounded: Transformer,
    windows: Int[Tensor, "B T"],
    *,
    rank: int = 16,
    choose_ranks: bool = False,
    text: str = "",
    seed: int = 0,
) -> tuple[Transformer, Repair]:
    """Add to each matrix Q of a rounded model the best L of rank R, in closed form; both models are left as they are.

    Of the error E = W - Q of a matrix, L = B A is what minimises tr(G (E - L) C (E - L)^T) (`linalg.low_rank`), where C
    is the Gram of what the original layer reads, each token weighted by the gradient that reaches it, and G that of
    these gradients. With G = 1 and equal weights this is QERA-exact (arXiv:2410.06040) and EoRA (arXiv:2410.21271),
    with C = 1 as well LQER (arXiv:2402.02446); both give less back, and so do Grams of the rounded model (docs/log.md).

    Args:
        original: the model before it was rounded.
        rounded: the same with other matrices, stored in any way.
        windows: (B, T) calibration text; a quarter of the rows, one at least, is kept to try the repair on.
        rank: R of each matrix; one with a smaller side gets all of its error back.
        choose_ranks: choose a rank for each matrix, so that as many numbers in all leave the least loss.
        text: what the windows are.
        seed: of the random generator that draws gradients.

    Returns:
        A model whose layers are sums of the rounded one's, which it shares, and a low-rank one each; and what it is.

    Raises:
        ConfigError: a rank that no matrix has, another model, one that lost nothing, or one that gives no logits.
        DataError: fewer than two windows, or activations that are not finite.
    """
    check(rank=rank, seed=seed)
    fitted, apart = kept_apart(windows, "repairing")
    errors = _errors(linears(original), linears(rounded))
    _check_rank(rank, errors)
    with evaluating(original):
        measured = measure(original, fitted, seed=seed, kinds=("weighted", "outputs"))
    found = residuals(errors, measured.weighted_grams, measured.output_grams, None if choose_ranks else rank)
    ranks = chosen_ranks(found, rank) if choose_ranks else {name: len(best.A) for name, best in found.items()}
    layers = tuple(LayerRepair.of(name, best, ranks[name]) for name, best in found.items() if ranks[name])
    factors = {layer.name: found[layer.name].at(layer.rank) for layer in layers}
    repaired = _with_residuals(rounded, factors)
    return repaired, Repair(
        layers=layers,
        before=loss_between(original, rounded, apart).loss,
        after=loss_between(original, repaired, apart).loss,
        calibration=Calibration(text=text, tokens=fitted.numel(), held_out_tokens=apart.numel(), seed=seed),
        factors=factors,
    )


def _errors(originals: Mapping[str, LinearMap], rounded: Mapping[str, LinearMap]) -> dict[str, Float[Tensor, "_ _"]]:
    """What rounding took from each matrix of which it took something."""
    common, do = [name for name in rounded if name in originals], "give the model that was rounded"
    if not common:
        raise ConfigError(explain("repairing", expected="two models with the same layers", got="others", do=do))
    lost, errors = 0.0, {}
    for name in common:
        W, Q = (layers[name].dense().detach().float() for layers in (originals, rounded))
        if W.shape != Q.shape:
            expected = f"{name} of sizes {tuple(Q.shape)} before it was rounded"
            raise ConfigError(explain("repairing", expected=expected, got=tuple(W.shape), do=do))
        if bool((error := W - Q).any()):
            errors[name] = error
            lost += float(error.square().sum() - W.square().sum())
    if not errors:
        got = "the same in both models, so that nothing is to be repaired"
        raise ConfigError(explain("repairing", expected="matrices that rounding changed", got=got))
    if lost >= 0:
        got = "one whose matrices are farther from it than none at all"
        raise ConfigError(explain("repairing", expected="the model before it was rounded", got=got, do=do))
    return errors


def _check_rank(rank: int, errors: Mapping[str, Float[Tensor, "_ _"]]) -> None:
    highest = max(min(error.shape) for error in errors.values())
    if rank > highest:
        raise ConfigError(explain("rank", expected=f"at most {highest}, that of the largest matrix", got=rank))


def residuals(
    errors: Mapping[str, Float[Tensor, "_ _"]],
    input_grams: Mapping[str, Float[Tensor, "_ _"]],
    output_grams: Mapping[str, Float[Tensor, "_ _"] | Float[Tensor, " _"]],
    rank: int | None = None,
) -> dict[str, RankedFactors]:
    """The residuals of least loss, of each rank as far as `rank`, for every layer that a token reached.

    Args:
        errors: E of each layer.
        input_grams: C of each.
        output_grams: G of each, or its diagonal.
        rank: the highest, None for all of them.

    Returns:
        Factors in float32, and losses in nats per token to second order.
    """
    reached = {name: E for name, E in errors.items() if name in input_grams}
    found = {}
    for name, E in track(reached.items(), "factoring", total=len(reached)):
        best = low_rank(E, input_grams[name], output_grams[name], input_shrinkage=SHRINKAGE, output_shrinkage=SHRINKAGE)
        found[name] = _balanced(*best.at(len(best.A) if rank is None else rank), best.tail / 2)
    return found


def chosen_ranks(found: Mapping[str, RankedFactors], rank: int) -> dict[str, int]:
    """The ranks of least loss with no more numbers than if each were `rank`."""
    costs = {
        name: product_cost(torch.arange(len(best.tail), dtype=torch.float64), len(best.B), best.A.shape[1])
        for name, best in found.items()
    }
    budget = sum(int(cost[: rank + 1][-1]) for cost in costs.values())
    return choose({name: (costs[name], best.tail.cpu()) for name, best in found.items()}, budget).options


def _balanced(B: Float[Tensor, "m K"], A: Float[Tensor, "K n"], tail: Float[Tensor, " K1"]) -> RankedFactors:
    """The same products in float32, each column of B as long as its row of A."""
    least = torch.finfo(torch.float32).tiny
    longer = ((B.norm(dim=0) + least) / (A.norm(dim=1) + least)).sqrt()
    return RankedFactors((B / longer).float().contiguous(), (longer[:, None] * A).float().contiguous(), tail)


def _with_residuals(rounded: Transformer, factors: Mapping[str, Factors]) -> Transformer:
    """A twin that shares all tensors and adds B A to the matrices of these layers."""
    twin, dtype = twin_of(rounded), next(rounded.parameters()).dtype
    for name, (B, A) in factors.items():
        layer = twin.get_submodule(name)
        assert isinstance(layer, LinearMap)
        replace_(twin, name, SumLinear([layer, LowRankLinear.from_factors(B.to(dtype), A.to(dtype))]))
    return twin
