"""One action per matrix, what it is expected to cost, and the tensors that carry it out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor, nn

from eigenlm.allowed import check
from eigenlm.compression import plan_file
from eigenlm.compression.actions import Decision, Found, Keep
from eigenlm.compression.forecast import forecast
from eigenlm.compression.methods import methods_named
from eigenlm.compression.offers import Method, Metric, Offer, keep_offer
from eigenlm.config import to_dict
from eigenlm.errors import CheckpointError, ConfigError, DataError, explain
from eigenlm.estimate import Estimate
from eigenlm.linalg.allocation import choose, fraction_of
from eigenlm.linear import LinearMap
from eigenlm.observe import evaluating, linears
from eigenlm.observe.grams import Measurement, measure
from eigenlm.observe.weighted_grams import weighted_grams
from eigenlm.progress import track
from eigenlm.shown import Shown


@dataclass(frozen=True, kw_only=True)
class Calibration(Shown):
    """The text a plan was made on.

    Attributes:
        text: what it was.
        tokens: that the factors were fitted to.
        held_out_tokens: that the forecast was made on.
        seed: of the random generator that samples labels.
    """

    text: str
    tokens: int
    held_out_tokens: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Plan(Shown):
    """A compression that is decided and not yet done.

    Attributes:
        model: what it is for, a path or a name.
        keep: the fraction of the linear layers' bytes that may stay, counted on the layers as the plan found them.
        actions: what is decided for each linear layer, in the module's order.
        forecast: of the increase of the nll, nats per token (for an encoder, of the divergence from what it said).
        calibration: the text.
        factors: the tensors that an action needs, by layer and name; they travel beside the JSON as safetensors.
    """

    model: str
    keep: float
    actions: tuple[Decision, ...]
    forecast: Estimate
    calibration: Calibration
    factors: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def num_params_before(self) -> int:
        """Numbers in the linear layers' matrices."""
        return sum(decision.num_params_before for decision in self.actions)

    @property
    def num_params_after(self) -> int:
        """Numbers the plan leaves there."""
        return sum(decision.num_params for decision in self.actions)

    @property
    def num_bytes_before(self) -> int:
        """Bytes of the numbers in the linear layers' matrices."""
        return sum(decision.num_bytes_before for decision in self.actions)

    @property
    def num_bytes_after(self) -> int:
        """Bytes the plan leaves there."""
        return sum(decision.num_bytes for decision in self.actions)

    def check(self) -> None:
        """See that every action can be done to its layer, and has the tensors that it needs.

        Raises:
            ConfigError: an action that its layer cannot take, or two actions for one layer.
            CheckpointError: tensors that are missing, of other sizes, or not finite.
        """
        names: set[str] = set()
        for decision in self.actions:
            if decision.name in names:
                raise ConfigError(explain("plan", expected="one action for each layer", got=f"two for {decision.name}"))
            names.add(decision.name)
            if fault := decision.action.fault(decision):
                raise ConfigError(f"plan for {decision.name}, {fault}")
            parts = self.factors.get(decision.name, {})
            if missing := [part for part in decision.action.parts if part not in parts]:
                expected = f"tensors {', '.join(missing)} of {decision.name}"
                do = "keep the .safetensors file beside the plan, or make the plan again"
                raise CheckpointError(explain("plan", expected=expected, got="none of that name", do=do))
            if parts and (fault := decision.action.fault_of_parts(decision, parts)):
                raise CheckpointError(f"plan for {decision.name}, {fault}")
            for part, tensor in parts.items():
                if not (tensor.float() if tensor.itemsize == 1 else tensor).isfinite().all():
                    operation = f"plan for {decision.name}, tensor {part}"
                    do = "make the plan again"
                    raise CheckpointError(explain(operation, expected="finite numbers", got="NaN or infinite", do=do))

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON and its factors beside it as safetensors, each whole or not at all.

        Raises:
            DataError: the place cannot be written.
        """
        content = {
            "model": self.model,
            "keep": self.keep,
            "actions": [to_dict(decision) for decision in self.actions],
            "forecast": asdict(self.forecast),
            "calibration": asdict(self.calibration),
        }
        plan_file.write(Path(path), content, self.factors)

    @classmethod
    def load(cls, path: str | Path) -> "Plan":
        """Read a plan and its factors.

        Raises:
            CheckpointError: no plan there, or factors that are missing, damaged or of another plan.
            ConfigError: an action that is unknown, or that its layer cannot take.
        """
        values, factors = plan_file.read(Path(path))
        actions = tuple(Decision.from_dict(each, f"action {i}") for i, each in enumerate(values.pop("actions")))
        head = plan_file.typed(_Head, values, Path(path))
        found = cls(**vars(head), actions=actions, factors=factors)
        found.check()
        return found


@dataclass(frozen=True, kw_only=True)
class _Head:
    """What a plan says beside its actions."""

    model: str
    keep: float
    forecast: Estimate
    calibration: Calibration


def plan(
    module: nn.Module,
    windows: Int[Tensor, "B T"],
    *,
    keep: float,
    model: str = "",
    text: str = "",
    seed: int = 0,
    methods: Sequence[str] = ("low_rank",),
) -> Plan:
    """Decide what happens to every linear layer under one budget, and forecast what that costs.

    Each matrix has offers: to stay as it is, and what the methods make of it in the metric of its inputs and of its
    outputs' gradients. Offers are taken where they save most; the forecast is made on windows kept apart. The budget is
    a fraction of the bytes of the layers as they are now, so that a model can be planned for again.

    Args:
        module: a transformer of ours, or any module with linear layers that gives logits for ids.
        windows: (B, T) calibration text; a quarter of the rows, one at least, is kept for the forecast.
        keep: fraction of the linear layers' bytes to keep, in (0, 1]; biases and places of rows are not counted.
        model: what the module is, for the one who applies the plan.
        text: what the windows are, likewise.
        seed: of the random generator that samples labels.
        methods: names of those that make offers, of `compression.methods.METHODS`.

    Raises:
        ConfigError: `keep` outside (0, 1] or too small for the offers there are, an unknown method, or a module that
            gives no logits.
        DataError: fewer than two windows, or activations that are not finite.
    """
    check(keep=keep, seed=seed)
    used = methods_named(methods)
    if len(windows) < 2:
        raise DataError(explain("planning", expected="at least 2 windows of calibration text", got=len(windows)))
    held_out = max(1, len(windows) // 4)
    fitted, apart = windows[:-held_out], windows[-held_out:]
    with evaluating(module):
        layers, measured = linears(module), measure(module, fitted, seed=seed)
        weighted = weighted_grams(module, fitted, seed=seed) if "bits" in methods else {}
        found = {name: Found.of(name, layer) for name, layer in layers.items()}
        taken = _taken(_offers(layers, found, _metrics(measured, weighted), used), fraction_of(_bytes(found), keep))
        parts = {name: offer.parts() for name, offer in taken.items()}
        changes = {
            name: offer.action.dense(layers[name], parts[name]) - layers[name].dense().detach()
            for name, offer in taken.items()
            if not isinstance(offer.action, Keep)
        }
        told = forecast(module, changes, apart)
    return Plan(
        model=model,
        keep=keep,
        actions=tuple(
            Decision(**vars(found[name]), action=offer.action, loss=offer.loss) for name, offer in taken.items()
        ),
        forecast=told,
        calibration=Calibration(text=text, tokens=fitted.numel(), held_out_tokens=apart.numel(), seed=seed),
        factors={name: tensors for name, tensors in parts.items() if tensors},
    )


def _bytes(found: Mapping[str, Found]) -> int:
    return sum(each.num_bytes_before for each in found.values())


def _metrics(measured: Measurement, weighted: Mapping[str, Tensor]) -> dict[str, Metric]:
    """Of each layer that a token reached."""
    return {name: Metric(measured.input_gram(name), G, weighted.get(name)) for name, G in measured.output_grams.items()}


def _offers(
    layers: Mapping[str, LinearMap],
    found: Mapping[str, Found],
    metrics: Mapping[str, Metric],
    methods: Sequence[Method],
) -> dict[str, list[Offer]]:
    """All offers for each layer; one that no token reached can only stay, for nobody knows what a change would cost."""
    offers: dict[str, list[Offer]] = {}
    for name, layer in track(layers.items(), "factoring", total=len(layers)):
        offers[name] = [keep_offer(layer, found[name])]
        if (metric := metrics.get(name)) is not None:
            made = [offer for method in methods for offer in method(layer, found[name], metric)]
            offers[name] = [*made, *offers[name]]
    return offers


def _taken(offers: Mapping[str, Sequence[Offer]], budget: int) -> dict[str, Offer]:
    """One offer for each layer, within the budget."""
    tables = {
        name: (torch.tensor([float(o.bytes) for o in each]), torch.tensor([o.loss for o in each], dtype=torch.float64))
        for name, each in offers.items()
    }
    choice = choose(tables, budget)
    if choice.cost > budget:
        do = "keep more, or give text that reaches every layer"
        raise ConfigError(
            explain("keep", expected=f"room for {choice.cost:,} bytes at least", got=f"{budget:,}", do=do)
        )
    return {name: offers[name][option] for name, option in choice.options.items()}
