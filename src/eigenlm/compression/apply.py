"""Carry a plan out."""

from collections.abc import Mapping

from torch import nn

from eigenlm.compression.actions import Decision, Keep
from eigenlm.compression.plan import Plan
from eigenlm.compression.prices import matrices
from eigenlm.compression.saved_whole import saves_whole_
from eigenlm.errors import CheckpointError, did_you_mean, explain
from eigenlm.linear import LinearMap
from eigenlm.observe.foreign import separate_experts_
from eigenlm.observe.linears import replace_
from eigenlm.progress import track

# Rounding to bfloat16 moves a norm by far less; another matrix of the same shape by far more.
_SAME_NORM = 1e-3


def apply_(module: nn.Module, plan: Plan) -> None:
    """Do to each layer of a module what a plan says, in place.

    `save_pretrained` of a Hugging Face model then writes the matrices that its layers apply, whole, for any reader.

    Raises:
        CheckpointError: the plan is for other layers or other weights, or without its factors; the module is then
            untouched.
        ConfigError: an action that its layer cannot take.
    """
    plan.check()
    layers = matrices(module)
    for decision in plan.actions:
        _check(decision, layers)
    changing = [decision for decision in plan.actions if not isinstance(decision.action, Keep)]
    stacked = {name for name, parameter in module.named_parameters() if parameter.ndim == 3}
    for stack in {decision.name.rpartition(".")[0] for decision in changing} & stacked:
        separate_experts_(module, stack)
    for decision in track(changing, "applying"):
        before = layers.pop(decision.name)
        layer = decision.action.build(before, plan.factors.get(decision.name, {}))
        layer.in_first = before.in_first
        replace_(module, decision.name, layer)
    saves_whole_(module)


def _check(decision: Decision, layers: Mapping[str, LinearMap]) -> None:
    layer = layers.get(decision.name)
    expected = f"{decision.name} of sizes {(decision.rows, decision.columns)}"
    if layer is None:
        do = did_you_mean(decision.name, layers, "apply it to its own model")
        raise CheckpointError(explain("applying a plan", expected=expected, got="no such layer", do=do))
    sizes = (layer.out_features, layer.in_features)
    if sizes != (decision.rows, decision.columns):
        raise CheckpointError(explain("applying a plan", expected=expected, got=sizes, do="apply it to its own model"))
    if layer.kind != decision.layer:
        expected, do = f"{decision.name} of kind {decision.layer}", "apply it to its own model, or plan anew"
        raise CheckpointError(explain("applying a plan", expected=expected, got=layer.kind, do=do))
    norm = float(layer.dense().detach().float().norm())
    if not abs(norm - decision.norm) <= _SAME_NORM * decision.norm:
        expected = f"{decision.name} of norm {decision.norm:.6g}"
        raise CheckpointError(
            explain("applying a plan", expected=expected, got=f"{norm:.6g}", do="apply it to its own model")
        )
