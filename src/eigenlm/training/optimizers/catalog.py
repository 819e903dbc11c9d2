"""Every optimizer there is, one line each. A recipe, a race and the planner know those of this list and no other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch.distributed.tensor import DTensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from eigenlm.allowed import check_optimizer
from eigenlm.training.optimizers.costs import Costs, averages
from eigenlm.training.optimizers.lion import Lion
from eigenlm.training.optimizers.muon import Muon, muon_costs
from eigenlm.training.optimizers.shampoo import Shampoo, shampoo_costs
from eigenlm.training.optimizers.soap import SOAP, soap_costs

SETTINGS: Mapping[str, Any] = {"momentum": 0.95, "betas": (0.9, 0.95), "eps": 1e-8}
"""Settings that a recipe may give, and what they are for a rule that says nothing else in `OptimizerEntry.settings`."""


@dataclass(frozen=True, kw_only=True)
class OptimizerEntry:
    """An optimizer of the catalog.

    Attributes:
        name: what a recipe calls it.
        rule: makes it from groups of parameters; it is given those of `SETTINGS` that it has a parameter for.
        costs: of one step of one parameter, by its shape.
        source: where the rule was published.
        matrices_only: whether it takes the hidden matrices alone and leaves the other parameters to AdamW.
        decays: whether weight decay is passed on to it.
        learning_rate: middle of the grid that a race tries.
        settings: what differs from `SETTINGS`.
    """

    name: str
    rule: Callable[..., Optimizer]
    costs: Costs
    source: str
    matrices_only: bool = False
    decays: bool = True
    learning_rate: float = 2e-3
    settings: Mapping[str, Any] = field(default_factory=dict)


def _sgd(params: Any, momentum: float) -> Optimizer:
    # torch 2.13 has no fused SGD for parameters that lie on several ranks
    spread = any(isinstance(parameter, DTensor) for group in params for parameter in group["params"])
    return SGD(params, momentum=momentum, nesterov=momentum > 0, fused=None if spread else True)


# SOAP is Adam in another basis, Shampoo has the length of Adam's step and Muon is scaled to it (arXiv:2502.16982), so
# that their sweeps begin near where Adam likes to be on models of a few million parameters.
_ENTRIES = (
    OptimizerEntry(name="sgd", rule=_sgd, costs=averages(1), learning_rate=0.1, source="Nesterov 1983"),
    OptimizerEntry(
        name="adam", rule=partial(Adam, fused=True), costs=averages(2), decays=False, source="arXiv:1412.6980"
    ),
    OptimizerEntry(name="adamw", rule=partial(AdamW, fused=True), costs=averages(2), source="arXiv:1711.05101"),
    OptimizerEntry(
        name="lion",
        rule=Lion,
        costs=averages(1),
        learning_rate=3e-4,
        settings={"betas": (0.9, 0.99)},
        source="arXiv:2302.06675",
    ),
    OptimizerEntry(
        name="muon",
        rule=partial(Muon, adjust_lr_fn="match_rms_adamw"),
        costs=muon_costs,
        matrices_only=True,
        learning_rate=4e-3,
        source="arXiv:2502.16982",
    ),
    OptimizerEntry(name="soap", rule=SOAP, costs=soap_costs, matrices_only=True, source="arXiv:2409.11321"),
    OptimizerEntry(name="shampoo", rule=Shampoo, costs=shampoo_costs, matrices_only=True, source="arXiv:1802.09568"),
)
OPTIMIZERS: Mapping[str, OptimizerEntry] = {entry.name: entry for entry in _ENTRIES}


def find_optimizer(name: str, where: str = "optimizer") -> OptimizerEntry:
    """The optimizer of that name.

    Args:
        name: of an optimizer of the catalog.
        where: the name was given, for the message.

    Raises:
        ConfigError: there is none; the message names the nearest.
    """
    check_optimizer(name, where)
    return OPTIMIZERS[name]
