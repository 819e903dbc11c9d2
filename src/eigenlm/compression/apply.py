"""Carry a plan out."""

from torch import nn

from eigenlm.compression.plan import Plan
from eigenlm.errors import CheckpointError, explain
from eigenlm.model import InterpolativeLinear
from eigenlm.observe.linears import linears
from eigenlm.progress import track

# Rounding to bfloat16 moves a norm by far less; another matrix of the same shape by far more.
_SAME_NORM = 1e-3


def apply_(module: nn.Module, plan: Plan) -> None:
    """Replace each planned layer of a module by its low-rank form, in place.

    Raises:
        CheckpointError: the plan is for other layers or other weights; the module is then untouched.
    """
    layers = linears(module)
    for action in plan.actions:
        layer = layers.get(action.name)
        if layer is None or layer.weight.shape != (action.rows, action.columns):
            got = "no such layer" if layer is None else tuple(layer.weight.shape)
            expected = f"{action.name} of sizes {(action.rows, action.columns)}"
            raise CheckpointError(
                explain("applying a plan", expected=expected, got=got, do="apply it to its own model")
            )
        norm = float(layer.weight.detach().float().norm())
        if not abs(norm - action.norm) <= _SAME_NORM * action.norm:
            expected = f"{action.name} of norm {action.norm:.6g}"
            raise CheckpointError(
                explain("applying a plan", expected=expected, got=f"{norm:.6g}", do="apply it to its own model")
            )
    for name, (B, A) in track(plan.factors.items(), "applying", total=len(plan.factors)):
        dense = layers[name]
        thin = InterpolativeLinear.from_factors(B.to(dense.weight), A.to(dense.weight), dense.bias)
        parent, _, child = name.rpartition(".")
        setattr(module.get_submodule(parent), child, thin.train(dense.training))
