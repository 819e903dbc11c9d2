"""One model at every size: matrices whose ranks nest, and one order in which all of them give up rank."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor, nn

from eigenlm.allowed import check
from eigenlm.compression.actions import Found
from eigenlm.compression.fits import Fitting, Priced
from eigenlm.compression.forecast import COSINE, NATS, LossForecast, forecast
from eigenlm.compression.held_out import kept_apart
from eigenlm.compression.methods import low_rank
from eigenlm.compression.plan import Calibration
from eigenlm.config import from_dict, to_dict
from eigenlm.errors import CheckpointError, ConfigError, explain
from eigenlm.files import read_json, whole_folder
from eigenlm.language_model import LanguageModel
from eigenlm.linalg.allocation import interpolative_cost
from eigenlm.linalg.lagrangian_path import least_budgets
from eigenlm.linear import DenseLinear, NestedLinear, linear_maps
from eigenlm.model import Transformer
from eigenlm.observe import linears, replace_, twin_of
from eigenlm.observe.predictions import gives_vectors
from eigenlm.shown import Shown

KEEPS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Fractions that are tried."""
_FILE = "knob.json"


@dataclass(frozen=True, kw_only=True)
class KnobSetting(LossForecast):
    """What a fraction costs, as it was on text kept apart.

    Attributes:
        keep: of the numbers in the matrices, as a plan counts those of a rank.
    """

    keep: float


@dataclass(frozen=True, kw_only=True)
class Knob(Shown):
    """What the settings of a model cost that holds its matrices at every rank.

    Attributes:
        settings: those that were tried, from the largest.
        calibration: the text.
        unit: of the losses, in words.
    """

    settings: tuple[KnobSetting, ...]
    calibration: Calibration
    unit: str = NATS

    def save(self, folder: str | Path, lm: LanguageModel) -> None:
        """Write the model's folder with these figures in it, whole or not at all.

        Raises:
            DataError: the folder is in use or cannot be written.
        """
        with whole_folder(folder) as whole:
            lm.save(whole)
            (whole / _FILE).write_text(json.dumps(to_dict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> "Knob | None":
        """The figures of a folder; None where none were written.

        Raises:
            CheckpointError: they are damaged.
            ConfigError: they are of another form.
        """
        path = Path(folder) / _FILE
        if not path.exists():
            return None
        try:
            values = read_json(path)
        except (OSError, ValueError) as error:
            raise CheckpointError(explain(f"reading {path}", expected="settings as JSON", got=str(error))) from error
        return from_dict(cls, values, str(path))


def knob(
    model: Transformer, windows: Int[Tensor, "B T"], *, keeps: Sequence[float] = KEEPS, text: str = "", seed: int = 0
) -> tuple[Transformer, Knob]:
    """Give a model matrices of every rank, of which `turn_` sets one each for any fraction that is kept.

    Each dense matrix gets the basis of its best approximations in the metric of its inputs and of its outputs'
    gradients, and ranks are given up in the order in which all matrices together lose least to second order.

    Args:
        model: a decoder with a head, or an encoder; it is left as it is.
        windows: (B, T) calibration text; a quarter of the rows, one at least, is kept to try settings on.
        keeps: fractions to try, each in (0, 1].
        text: what the windows are.
        seed: of the random generator that draws gradients.

    Returns:
        A model that keeps everything, which shares the tensors of the one that was given; and what its settings cost.

    Raises:
        ConfigError: a fraction that there is not, a model without dense matrices, or one that gives no logits.
        DataError: fewer than two windows, or activations that are not finite.
    """
    check(seed=seed)
    for keep in keeps:
        check(keep=keep)
    fitted, apart = kept_apart(windows, "making a knob")
    dense = {name: layer for name, layer in linears(model).items() if isinstance(layer, DenseLinear)}
    if not dense:
        do = "take the model as it was before it was compressed"
        raise ConfigError(explain("making a knob", expected="a model with dense matrices", got="none", do=do))
    found = {name: Found.of(name, layer) for name, layer in dense.items()}
    fitting = Fitting(model, dense, found, [low_rank.METHOD], {}, seed)
    made = fitting.fits(fitted)
    nested, twin = _nested(dense, made), twin_of(model)
    for name, layer in nested.items():
        replace_(twin, name, layer)
    settings = tuple(_tried(model, twin, keep, apart) for keep in sorted(keeps, reverse=True))
    turn_(twin, 1.0)
    calibration = Calibration(
        text=text,
        tokens=fitted.numel(),
        held_out_tokens=apart.numel(),
        seed=seed,
        directions=sum(fitting.reached.values()),
        of_directions=sum(found[name].columns for name in fitting.reached),
    )
    unit = COSINE if gives_vectors(model) else NATS
    return twin, Knob(settings=settings, calibration=calibration, unit=unit)


def turn_(module: nn.Module, keep: float) -> None:
    """Set the ranks of a model's nested matrices for a fraction that is kept; no number of them changes.

    Args:
        module: what `knob` gave, or what a folder of it holds.
        keep: fraction of the numbers in these matrices, in (0, 1], counted as a plan counts those of a rank; 1 is the
            model as it was before.

    Raises:
        ConfigError: `keep` outside (0, 1], or a module without such matrices.
    """
    check(keep=keep)
    layers = nested_layers(module)
    if not layers:
        expected, do = "a model that has one", "make one with eigenlm knob"
        raise ConfigError(explain("turning a knob", expected=expected, got="a model of fixed ranks", do=do))
    for layer in layers:
        layer.turn_(keep)


def settled(model: Transformer) -> Transformer:
    """The smaller model of the ranks that are set, as a plan of these ranks makes it; it shares all other tensors."""
    twin = twin_of(model)
    for name, layer in linear_maps(model).items():
        if isinstance(layer, NestedLinear):
            replace_(twin, name, layer.merged())
    return twin


def nested_layers(module: nn.Module) -> list[NestedLinear]:
    """The layers that hold their matrix at every rank."""
    return [layer for layer in linear_maps(module).values() if isinstance(layer, NestedLinear)]


def kept(layers: Sequence[NestedLinear]) -> float:
    """The fraction of numbers that are kept at the ranks that are set."""
    ranks = torch.tensor([layer.rank for layer in layers], dtype=torch.float64)
    sizes = [(layer.out_features, layer.in_features) for layer in layers]
    numbers = sum(float(interpolative_cost(rank, m, n)) for rank, (m, n) in zip(ranks, sizes))
    return numbers / sum(m * n for m, n in sizes)


def _nested(dense: Mapping[str, DenseLinear], made: Mapping[str, Sequence[Priced]]) -> dict[str, NestedLinear]:
    """The layers of the matrices that have prices."""
    bases, tables = {}, {}
    for name, ((fit, losses),) in made.items():
        assert isinstance(fit, low_rank.RankedFit)
        ranks = torch.arange(len(losses), dtype=torch.float64)
        bases[name] = fit.basis.float()
        tables[name] = interpolative_cost(ranks, *dense[name].weight.shape), torch.tensor(losses, dtype=torch.float64)
    numbers = sum(float(costs[-1]) for costs, _ in tables.values())
    shares = {name: least[1:] / numbers for name, least in least_budgets(tables).items()}
    return {
        name: NestedLinear.from_basis(W := dense[name].weight, basis, shares[name].to(W.device), dense[name].bias)
        for name, basis in bases.items()
    }


@torch.no_grad()
def _tried(model: Transformer, twin: Transformer, keep: float, apart: Int[Tensor, "A T"]) -> KnobSetting:
    turn_(twin, keep)
    changed = (
        (name, layer.dense().detach())
        for name, layer in linear_maps(twin).items()
        if isinstance(layer, NestedLinear) and layer.rank < layer.full_rank
    )
    return KnobSetting(keep=keep, **vars(forecast(model, changed, apart)))
