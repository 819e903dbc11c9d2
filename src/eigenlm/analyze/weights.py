"""Whatever holds a model, as tensors by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from eigenlm.checkpoint import open_tensors
from eigenlm.errors import ConfigError, explain


def weights_of(model: Any) -> Mapping[str, Tensor]:
    """The tensors of a path or name (read when asked for), a mapping, a module, or a `LanguageModel`.

    Raises:
        CheckpointError: the path holds no model, or a damaged one.
        ConfigError: the argument is none of these.
    """
    if isinstance(model, (str, Path)):
        return open_tensors(model)
    if isinstance(model, Mapping):
        return model
    if isinstance(model, nn.Module):
        return dict(model.named_parameters())
    if isinstance(getattr(model, "model", None), nn.Module):
        return dict(model.model.named_parameters())
    raise ConfigError(
        explain("analyze", expected="a model, a module, tensors by name, or a path", got=type(model).__name__)
    )
