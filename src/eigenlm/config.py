"""Frozen dataclasses to plain values and back, strictly: an unknown key is an error that names the nearest one."""

import ast
import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union

from eigenlm.errors import ConfigError, did_you_mean, explain
from eigenlm.tagged import Tagged

T = TypeVar("T")


def to_dict(config: Any) -> dict[str, Any]:
    """Plain JSON values of a dataclass; tuples become lists, and a tagged config says its kind."""
    kind = {"kind": config.kind} if isinstance(config, Tagged) else {}
    return kind | {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def from_dict(cls: type[T], values: Any, where: str = "") -> T:
    """Build the dataclass `cls` from plain values, checking every key and type.

    Args:
        cls: a dataclass; nested dataclasses, `X | None`, `Literal`, tuples and lists are followed.
        values: what `to_dict` gave, or a mapping from JSON.
        where: what is being read, for the message.

    Raises:
        ConfigError: an unknown or missing key, or a value of the wrong type.
    """
    where = where or cls.__name__
    if not isinstance(values, Mapping):
        raise ConfigError(explain(where, expected="a mapping of fields", got=repr(values)))
    if issubclass(cls, Tagged):
        cls = typing.cast(type[T], cls.of_kind(values.get("kind", getattr(cls, "kind", None)), f"{where}.kind"))
        values = {key: value for key, value in values.items() if key != "kind"}
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            do = did_you_mean(key, fields, f"known fields: {', '.join(fields)}")
            raise ConfigError(explain(where, expected="known fields", got=repr(key), do=do))
    required = [
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in required if name not in values]
    if missing:
        raise ConfigError(explain(where, expected=f"field {missing[0]!r}", got="nothing", do="add it"))
    hints = _hints(cls)  # type: ignore[arg-type]
    return cls(**{key: _typed(hints[key], value, f"{where}.{key}") for key, value in values.items()})


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _typed(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _first_that_fits([option for option in arguments if option is not type(None)], value, where)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(explain(where, expected=f"one of {', '.join(map(repr, arguments))}", got=repr(value)))
        return value
    if origin in (tuple, list) and isinstance(value, (tuple, list)):
        return origin(_typed(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict and isinstance(value, Mapping):
        return {key: _typed(arguments[1], item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, int) and abs(value) >= 1 << 63:
        raise ConfigError(explain(where, expected="a number of at most 63 bits", got=f"one of {value.bit_length()}"))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = origin or hint
    if plain is Any or (isinstance(value, plain) and not (plain is int and isinstance(value, bool))):
        return value
    raise ConfigError(explain(where, expected=getattr(plain, "__name__", plain), got=repr(value)))


def _first_that_fits(options: list[Any], value: Any, where: str) -> Any:
    failures = []
    for option in options:
        try:
            return _typed(option, value, where)
        except ConfigError as error:
            failures.append(error)
    raise failures[0]


def differing_fields(before: Any, now: Any) -> dict[str, tuple[Any, Any]]:
    """Dotted names of the fields in which two configs of one kind differ, each with its two values."""
    differing: dict[str, tuple[Any, Any]] = {}
    for field in dataclasses.fields(before):
        for name, (old, new) in _pairs(field.name, getattr(before, field.name), getattr(now, field.name)).items():
            if dataclasses.is_dataclass(old) and type(old) is type(new):
                differing |= {f"{name}.{inner}": pair for inner, pair in differing_fields(old, new).items()}
            elif old != new:
                differing[name] = (old, new)
    return differing


def _pairs(name: str, old: Any, new: Any) -> dict[str, tuple[Any, Any]]:
    """Two values of a field, one by one where they are as many configs."""
    both = isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new)
    if both and any(map(dataclasses.is_dataclass, old)):
        return {f"{name}.{i}": pair for i, pair in enumerate(zip(old, new))}
    return {name: (old, new)}


def parse_change(change: str, example: str) -> tuple[str, Any]:
    """The name and the value of `field=value`; a value as in Python, or plain words.

    Raises:
        ConfigError: there is no sign of equality.
    """
    name, sign, text = change.partition("=")
    if not sign:
        raise ConfigError(explain("--set", expected=f"FIELD=VALUE, such as {example}", got=repr(change)))
    return name.strip(), _value(text.strip())


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # the last two for ((((...
        return {"true": True, "false": False, "none": None, "null": None}.get(text.lower(), text)
