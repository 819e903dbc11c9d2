"""Which family of a format can hold a model: the one whose config, written and read again, says the same."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from eigenlm.checkpoint.dialects import Dialect, differences
from eigenlm.checkpoint.renaming import TheirTensors, first_of
from eigenlm.errors import ConfigError, EigenError, explain
from eigenlm.linear import DenseLinear, linear_maps
from eigenlm.model import Transformer, TransformerConfig

_OUR_OWN = (None, "eigenlm")  # families of models that were read from no other program's file


def choose_family(
    dialects: Mapping[str, Dialect],
    config: TransformerConfig,
    tensors: Mapping[str, Tensor],
    preferred: str | None,
    instead: str = "write an eigenlm folder",
) -> tuple[Dialect, TheirTensors]:
    """The first family that loses nothing of the config, `preferred` before the others; and its tensors.

    Args:
        dialects: the families of a format.
        config: the model.
        tensors: its dense parameters.
        preferred: the family it was read from, if any.
        instead: what to do where none can hold it.

    Raises:
        ConfigError: no family can say what the config says; the message names what the nearest would lose.
    """
    order = sorted(dialects.values(), key=lambda dialect: dialect.family != preferred)
    lost: dict[str, dict[str, Any]] = {}
    refused: dict[str, str] = {}
    for dialect in order:
        try:
            theirs = TheirTensors(dialect.of(config), {**tensors, **dialect.tensors(config)}, config)
            lost[dialect.family] = differences(config, dialect.config(dialect.values(config), theirs))
        except EigenError as error:
            refused[dialect.family] = str(error)
            continue
        if not lost[dialect.family]:
            return dialect, theirs
    if lost and preferred not in refused:
        nearest = min(lost, key=lambda family: len(lost[family]))
        got = f"one of which {nearest}, the nearest, would lose {first_of([*lost[nearest]])}"
        instead += _as_it_has_them(lost[nearest]) if preferred in _OUR_OWN else ""
    else:
        got = refused.get(preferred or "", preferred or "another")
    raise ConfigError(
        explain("choosing a family", expected=f"a model that {', '.join(dialects)} can hold", got=got, do=instead)
    )


def _as_it_has_them(lost: Mapping[str, Any]) -> str:
    """Advice for a recipe, where one setting is all that a family has otherwise."""
    had = {f"{re.sub(r'^layers[.][0-9]+[.]', '', name)} = {value}" for name, value in lost.items()}
    return f", or train one with {had.pop()}" if len(had) == 1 else ""


def dense_tensors(model: Transformer, *, multiply_out: bool, and_of: Collection[str] = ()) -> dict[str, Tensor]:
    """The parameters of a model with every linear layer dense.

    Args:
        model: any model.
        multiply_out: write layers of other kinds as the dense matrices they apply; the file is larger than the model.
        and_of: kinds of layers that are not refused.

    Raises:
        ConfigError: the model has layers of other kinds, and they were not to be multiplied out.
    """
    others = {name: layer for name, layer in linear_maps(model).items() if not isinstance(layer, DenseLinear)}
    refused = [layer for layer in others.values() if layer.kind not in and_of]
    if refused and not multiply_out:
        kinds = ", ".join(sorted({layer.kind.replace("_", "-") for layer in refused}))
        raise ConfigError(
            explain(
                "writing for other libraries",
                expected="dense matrices",
                got=f"{len(refused)} of another kind ({kinds})",
                do="multiply them out (multiply_out=True), or write an eigenlm folder, which keeps them",
            )
        )
    stored = {f"{name}.{part}" for name, layer in others.items() for part in layer.state_dict()}
    dense = {name: tensor for name, tensor in model.state_dict().items() if name not in stored}
    with torch.no_grad():
        for name, layer in others.items():
            dense[f"{name}.weight"] = layer.dense()
            if layer.bias is not None:
                dense[f"{name}.bias"] = layer.bias.detach()
    return dense
