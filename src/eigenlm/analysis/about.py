"""What an analysis is of, and how to get it again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eigenlm.checkpoint import open_model
from eigenlm.errors import CheckpointError, ConfigError
from eigenlm.language_model import LanguageModel


@dataclass(frozen=True, kw_only=True)
class About:
    """What was analysed.

    Attributes:
        title: the model's name.
        model: what `eigenlm.analyze` takes to return the same numbers; `MODEL` for what has neither name nor path.
        options: what else it was told, by name.
        facts: a few words about it, label to value.
        version: of eigenlm.
    """

    title: str = "a model"
    model: str = "MODEL"
    options: Mapping[str, str | bool] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    version: str = field(default_factory=lambda: version("eigenlm"))


def about(model: Any, options: Mapping[str, Any]) -> About:
    """What is known of a model before any number of it is read.

    Args:
        model: as `eigenlm.analyze` takes it.
        options: what else it was told, by name.
    """
    told = {name: value if isinstance(value, (bool, str)) else _words(value) for name, value in options.items()}
    if isinstance(model, LanguageModel):
        model = model.name
    if not isinstance(model, (str, Path)):
        return About(title=type(model).__name__, options=told)
    title, facts = _facts(str(model))
    return About(title=title, model=str(model), options=told, facts=facts)


def _words(value: Any) -> str:
    return str(value) if isinstance(value, Path) else "..."


def _facts(model: str) -> tuple[str, dict[str, str]]:
    """What a model is called, and what it is, as far as it is one and not only tensors."""
    try:
        opened = open_model(model)
    except (CheckpointError, ConfigError):
        return Path(model).stem, {}
    own = opened.path.stem if opened.path.is_file() else opened.path.name
    facts = {"format": opened.format, "family": opened.family, "layers": str(opened.config.num_layers)}
    return own if Path(model).exists() else model, facts
