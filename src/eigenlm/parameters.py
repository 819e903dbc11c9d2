"""Named options that several functions pass on, as parameters that `help` and editors show."""

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from eigenlm.errors import ConfigError, did_you_mean, explain

Function = TypeVar("Function", bound=Callable[..., Any])


def shows(options: Iterable[inspect.Parameter]) -> Callable[[Function], Function]:
    """Have a function's signature name these options instead of the `**` that takes them.

    >>> @shows([inspect.Parameter("seed", inspect.Parameter.KEYWORD_ONLY, default=0)])
    ... def draw(n, **options): ...
    >>> inspect.signature(draw)
    <Signature (n, *, seed=0)>
    """

    def decorate(function: Function) -> Function:
        own = inspect.signature(function)
        named = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        function.__signature__ = own.replace(parameters=[*named, *options])  # type: ignore[attr-defined]
        return function

    return decorate


def fields_of(config: type) -> list[inspect.Parameter]:
    """The fields of a dataclass as options."""
    return [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for field in dataclasses.fields(config)
    ]


def check_known(operation: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse an option of a name that is not known.

    Raises:
        ConfigError: it names the nearest.
    """
    names = list(known)
    for name in given:
        if name not in names:
            do = did_you_mean(name, names, "leave it out")
            raise ConfigError(explain(operation, expected=", ".join(names), got=repr(name), do=do))
