"""What a user has set for good: defaults of options, in variables of the environment or in a file."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eigenlm.errors import ConfigError, explain, nearest
from eigenlm.files import read_toml

MOST_THREADS = 1024
_OURS = "EIGENLM_"
_DEVICE = re.compile(r"auto|cpu|(cuda|mps|xpu|hpu|mtia|npu|privateuseone)(:\d+)?")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting as it is now.

    Attributes:
        name: `device`, `dtype`, `threads` or `models`.
        value: None where nothing was set and nothing is built in.
        source: the variable, the file, or `built in`.
    """

    name: str
    value: Any
    source: str


@dataclass(frozen=True)
class _Kind:
    built_in: str | None
    expected: str
    read: Callable[[str], Any]  # None for what does not serve


def _threads(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,4}", text) and 1 <= int(text) <= MOST_THREADS else None


def _folder(text: str) -> Path | None:
    path = os.path.abspath(os.path.expanduser(text))
    return Path(path) if os.path.isdir(path) else None


_KINDS = {
    "device": _Kind("auto", "auto, cpu, or an accelerator such as cuda", lambda s: s if _DEVICE.fullmatch(s) else None),
    "dtype": _Kind("float32", "float32 or bfloat16", lambda s: s if s in ("float32", "bfloat16") else None),
    "threads": _Kind(None, f"a whole number from 1 to {MOST_THREADS:,}", _threads),
    "models": _Kind(None, "a folder that is there", _folder),
}


def settings() -> tuple[Setting, ...]:
    """All settings; arguments and errors as of `setting`."""
    return tuple(map(setting, _KINDS))


def setting(name: str) -> Setting:
    """A setting: of its variable (`EIGENLM_DEVICE`), else of the file, else built in.

    Args:
        name: `device`, `dtype`, `threads`, or `models`, the folder in which models are found by name.

    Raises:
        ConfigError: a value that does not serve, or a file that cannot be read or has another key.
    """
    kind, variable = _KINDS[name], f"{_OURS}{name.upper()}"
    if given := os.environ.get(variable):
        what, source = variable, variable
    elif name in (found := _from_file()):
        given, source = str(found[name]), str(config_file())
        what = f"{name} in {source}"
    else:
        return Setting(name=name, value=kind.built_in, source="built in")
    value = kind.read(given)
    if value is None:
        raise ConfigError(explain(what, expected=kind.expected, got=repr(given)))
    return Setting(name=name, value=value, source=source)


def unknown_variables() -> Iterator[str]:
    """A line for each variable of the environment that is named as ours are and is none of them: it sets nothing."""
    known = [f"{_OURS}{name.upper()}" for name in (*_KINDS, "config")]
    for name in sorted(os.environ):
        if name.startswith(_OURS) and name not in known:
            yield nearest("variable of the environment", name, known)


def cache_folder() -> Path:
    """Where what can be made again is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eigenlm"


def config_file() -> Path:
    """Where the file of settings is, or would be; `EIGENLM_CONFIG=/dev/null` is for none."""
    if given := os.environ.get("EIGENLM_CONFIG"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "eigenlm" / "config.toml"


def _from_file() -> dict[str, Any]:
    path = config_file()
    if str(path) == os.devnull or not (os.path.exists(path) or os.environ.get("EIGENLM_CONFIG")):
        return {}
    found = read_toml(path, ConfigError, expected='lines such as device = "cpu" (TOML)')
    for key in found:
        if key not in _KINDS:
            raise ConfigError(nearest(str(path), key, _KINDS))
    return found
