"""Which optional parts of eigenlm are installed."""

import importlib.metadata
import re
from dataclasses import dataclass

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
