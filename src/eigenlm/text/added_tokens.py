"""The tokens that the files beside a vocabulary add to it and the parts they play, as transformers counts them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken

from eigenlm import files
from eigenlm.errors import CheckpointError, explain

ROLES = ("bos_token", "eos_token", "pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
_SETTINGS, _SPECIAL, _ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, empty where there is no such file.

    Raises:
        CheckpointError: the file is not a JSON object.
    """
    try:
        values = files.read_json(path) if path.is_file() else {}
    except OSError as error:
        raise CheckpointError(explain(f"reading {path}", expected="a file", got=error.strerror)) from error
    except ValueError as error:
        raise CheckpointError(explain(f"reading {path}", expected="JSON", got=str(error))) from error
    if not isinstance(values, dict):
        raise CheckpointError(explain(f"reading {path}", expected="a JSON object", got=type(values).__name__))
    return values


def read_settings(folder: Path) -> dict[str, Any]:
    """`tokenizer_config.json`; `special_tokens_map.json` wins over it where it lists no `added_tokens_decoder`."""
    settings = read_json(folder / _SETTINGS)
    if not settings.get("extra_special_tokens"):
        settings["extra_special_tokens"] = settings.pop("additional_special_tokens", None) or []
    if "added_tokens_decoder" in settings:
        return settings
    special = read_json(folder / _SPECIAL)
    first, then = settings["extra_special_tokens"], special.get("extra_special_tokens")
    if isinstance(first, list) and isinstance(then, list):
        special["extra_special_tokens"] = [*first, *then]
    return settings | special


def add_tokens(
    library: tokenizers.Tokenizer,
    folder: Path,
    settings: Mapping[str, Any],
    own: Mapping[int, AddedToken],
    roles: Mapping[str, str],
    more: list[str],
) -> dict[str, str]:
    """Add what the files name, in the order of their ids, roles next, other control tokens last.

    Args:
        library: gets the tokens.
        folder: where `added_tokens.json` may be.
        settings: as `read_settings` gives them.
        own: the added tokens of `tokenizer.json`.
        roles: those of the tokenizer's class; the folder's go before them.
        more: control tokens of the class, where the folder lists none.

    Returns:
        Which token plays which part.
    """
    extra = settings.get("extra_special_tokens") or settings.get("additional_special_tokens") or more
    named: dict[str, Any] = dict(roles) | {
        key: value
        for key, value in settings.items()
        if key in ROLES or (key.endswith("_token") and isinstance(value, str | dict))
    }
    if isinstance(extra, dict):
        named, extra = named | extra, []
    parts = {role: _content(value) for role, value in named.items() if value is not None}
    listed = {
        token.content: token for token in _listed(folder, settings, own, {*parts.values(), *map(_content, extra)})
    }
    for token in listed.values():
        token.special = token.special or token.content in parts.values()
    here = {token.content: token for token in library.get_added_tokens_decoder().values()}
    new = [token for token in listed.values() if token.content not in here or not _same(token, here[token.content])]
    for value in (*named.values(), *extra):
        if value is not None and _content(value) not in here | listed:
            listed[_content(value)] = _token(value, special=True)
            new.append(listed[_content(value)])
    library.add_tokens(new)
    return {role: token for role, token in parts.items() if role in ROLES}


def _listed(
    folder: Path, settings: Mapping[str, Any], own: Mapping[int, AddedToken], control: set[str]
) -> list[AddedToken]:
    """The tokens that have an id of their own in the files, in its order."""
    if "added_tokens_decoder" in settings:
        found = {int(i): _token(value) for i, value in settings["added_tokens_decoder"].items()}
    else:
        added = {int(i): token for token, i in read_json(folder / _ADDED).items()}
        found = {i: _token(token, special=token in control) for i, token in added.items()} | dict(own)
    return [token for _, token in sorted(found.items())]


def _token(value: Any, **flags: bool) -> AddedToken:
    if isinstance(value, dict):
        flags = {key: bool(value[key]) for key in _FLAGS if key in value} | flags
    return AddedToken(_content(value), **flags)


def _content(value: Any) -> str:
    content = value.get("content") if isinstance(value, dict) else value
    if not isinstance(content, str):
        raise CheckpointError(explain("an added token", expected="a string", got=repr(value)[:100]))
    return content


def _same(one: AddedToken, other: AddedToken) -> bool:
    return all(getattr(one, flag) == getattr(other, flag) for flag in _FLAGS)
