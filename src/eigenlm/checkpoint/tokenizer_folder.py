"""The tokenizer and chat templates that lie beside a model's weights."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from eigenlm.checkpoint.damage import damage_told
from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.errors import CheckpointError, explain
from eigenlm.files import SETTINGS, regular
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_files import PIECES, UnreadTokenizer

_FILES = ("tokenizer.json", "vocab.json", "vocab.txt", *PIECES)
_TEMPLATE, _NAMED = "chat_template.jinja", "additional_chat_templates"

ChatTemplates = str | Mapping[str, str]


def read_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer in a model folder, None where there is none or it is of a kind that is not read.

    Raises:
        CheckpointError: it is damaged.
    """
    with damage_told(folder, "a tokenizer"), suppress(UnreadTokenizer):
        return Tokenizer.load(folder) if any((folder / name).exists() for name in _FILES) else None
    return None


def read_chat_template(folder: Path) -> ChatTemplates | None:
    """The chat template, or several by name: in files of their own, else in tokenizer_config.json; None without one.

    Raises:
        CheckpointError: a file of these is damaged.
    """
    files = {"default": folder / _TEMPLATE, **{file.stem: file for file in sorted((folder / _NAMED).glob("*.jinja"))}}
    found = {name: file for name, file in files.items() if file.is_file()}
    with damage_told(folder, "chat templates"):
        named = {name: regular(file, most=SETTINGS).read_text(encoding="utf-8") for name, file in found.items()}
    config = folder / "tokenizer_config.json"
    said = read_json_object(config).get("chat_template") if config.is_file() and not named else None
    listed = said if isinstance(said, list) else [{"name": "default", "template": said}]
    told = {entry.get("name"): entry.get("template") for entry in listed if isinstance(entry, dict)}
    return one_or_named(named or told)


def one_or_named(templates: Mapping[Any, Any]) -> ChatTemplates | None:
    """The templates among values by name: the default alone as a text, None where there is none."""
    named = {name: text for name, text in templates.items() if isinstance(name, str) and isinstance(text, str)}
    return named if named.keys() - {"default"} else named.get("default")


def by_name(templates: ChatTemplates | None) -> dict[str, str]:
    """Each template with its name; the only one is called `default`.

    Raises:
        CheckpointError: a name that is no name of a file.
    """
    named = {"default": templates} if isinstance(templates, str) else dict(templates or {})
    if odd := [name for name in named if not re.fullmatch(r"[\w-]+", name)]:
        raise CheckpointError(explain("the name of a chat template", expected="letters and digits", got=repr(odd[0])))
    return named


def write_tokenizer(folder: Path, tokenizer: Tokenizer | None, chat_template: ChatTemplates | None) -> None:
    """Write what a model has of the two."""
    if tokenizer is not None:
        tokenizer.save(folder)
    for name, text in by_name(chat_template).items():
        path = folder / _TEMPLATE if name == "default" else folder / _NAMED / f"{name}.jinja"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
