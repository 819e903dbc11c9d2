"""Which family of a format can hold a model: the one whose config, written and read again, says the same."""

from collections.abc import Mapping

import torch
from torch import Tensor

from eigenlm.checkpoint.families import Dialect, differences
from eigenlm.checkpoint.families.rope import gguf_rope_tables
from eigenlm.checkpoint.renaming import TheirTensors, first_of
from eigenlm.errors import ConfigError, EigenError, explain
from eigenlm.model import ThinLinear, Transformer, TransformerConfig


def choose_family(
    dialects: Mapping[str, Dialect], config: TransformerConfig, tensors: Mapping[str, Tensor], preferred: str | None
) -> tuple[Dialect, TheirTensors]:
    """The first family that loses nothing of the config, `preferred` before the others; and its tensors.

    Args:
        dialects: the families of a format.
        config: the model.
        tensors: its dense parameters.
        preferred: the family it was read from, if any.

    Raises:
        ConfigError: no family can say what the config says; the message names what the nearest would lose.
    """
    order = sorted(dialects.values(), key=lambda dialect: dialect.family != preferred)
    lost: dict[str, list[str]] = {}
    refused: dict[str, str] = {}
    for dialect in order:
        try:
            tables = {name: torch.tensor(table) for name, table in gguf_rope_tables(config, dialect.names).items()}
            theirs = TheirTensors(dialect, {**tensors, **tables}, config)
            lost[dialect.family] = differences(config, dialect.config(dialect.values(config), theirs))
        except EigenError as error:
            refused[dialect.family] = str(error)
            continue
        if not lost[dialect.family]:
            return dialect, theirs
    if lost:
        nearest = min(lost, key=lambda family: len(lost[family]))
        got = f"one of which {nearest}, the nearest, would lose {first_of(lost[nearest])}"
    else:
        got = refused.get(preferred or "", "another")
    do = "write an eigenlm folder"
    raise ConfigError(
        explain("choosing a family", expected=f"a model that {', '.join(dialects)} can hold", got=got, do=do)
    )


def dense_tensors(model: Transformer, *, multiply_out: bool) -> dict[str, Tensor]:
    """The parameters of a model with every linear layer dense.

    Args:
        model: any model.
        multiply_out: replace low-rank factors by their product; the file is larger than the model.

    Raises:
        ConfigError: the model has low-rank layers, and they were not to be multiplied out.
    """
    thin = {name: layer for name, layer in model.named_modules() if isinstance(layer, ThinLinear)}
    if thin and not multiply_out:
        raise ConfigError(
            explain(
                "writing for other libraries",
                expected="dense matrices",
                got=f"{len(thin)} low-rank ones",
                do="multiply them out (multiply_out=True), or write an eigenlm folder, which keeps them",
            )
        )
    factors = {f"{name}.{part}" for name, layer in thin.items() for part in layer.state_dict() if part != "bias"}
    dense = {name: parameter for name, parameter in model.state_dict().items() if name not in factors}
    with torch.no_grad():
        return dense | {f"{name}.weight": layer.dense() for name, layer in thin.items()}
