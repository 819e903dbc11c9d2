"""Which models and optional parts of eigenlm are installed."""

import importlib.metadata
import re
from dataclasses import dataclass
from importlib.util import find_spec

from eigenlm.model_names import PACKAGES

# `huggingface-hub ; extra == "hub"` in the metadata of the installed package.
_OPTIONAL = re.compile(r"""^([\w.-]+).*;\s*extra\s*==\s*["']([\w-]+)["']""")


@dataclass(frozen=True, kw_only=True)
class Extra:
    """One extra of eigenlm.

    Attributes:
        name: as in `pip install 'eigenlm[name]'`.
        missing: its packages that are not here; none when the extra is complete.
    """

    name: str
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ModelPackage:
    """A model that comes as an installed package.

    Attributes:
        name: what `eigenlm.load` takes.
        installed: whether it is here.
        requirement: what to give to `pip install`.
    """

    name: str
    installed: bool
    requirement: str


def look_at_models() -> tuple[ModelPackage, ...]:
    """Every model package that eigenlm knows."""
    return tuple(
        ModelPackage(
            name=name,
            installed=all(find_spec(module) is not None for module, _ in package.parts),
            requirement=package.requirement,
        )
        for name, package in PACKAGES.items()
    )


def look_at_extras() -> tuple[Extra, ...]:
    """Every extra that eigenlm declares, and what of it is not installed."""
    wanted: dict[str, list[str]] = {}
    for requirement in importlib.metadata.requires("eigenlm") or ():
        if found := _OPTIONAL.match(requirement):
            package, extra = found.groups()
            wanted.setdefault(extra, []).append(package)
    installed = {_normal(d.name) for d in importlib.metadata.distributions() if d.name}
    return tuple(
        Extra(name=extra, missing=tuple(p for p in packages if _normal(p) not in installed))
        for extra, packages in sorted(wanted.items())
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
