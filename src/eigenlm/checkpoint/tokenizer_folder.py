"""The tokenizer and chat template that lie beside a model's weights."""

from pathlib import Path

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.checkpoint.opened import damage_told
from eigenlm.text.tokenizer import Tokenizer

_FILES = ("tokenizer.json", "vocab.json", "vocab.txt")
_TEMPLATE = "chat_template.jinja"


def read_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer in a model folder, None where there is none or it is Marian's pair of SentencePiece models.

    Raises:
        CheckpointError: it is damaged.
    """
    known = ("tokenizer.json", "vocab.txt") if (folder / "source.spm").exists() else _FILES
    with damage_told(folder, "a tokenizer"):
        return Tokenizer.load(folder) if any((folder / name).exists() for name in known) else None


def read_chat_template(folder: Path) -> str | None:
    """The chat template in its own file or in tokenizer_config.json, None where there is none."""
    if (folder / _TEMPLATE).is_file():
        return (folder / _TEMPLATE).read_text(encoding="utf-8")
    config = folder / "tokenizer_config.json"
    template = read_json_object(config).get("chat_template") if config.is_file() else None
    if isinstance(template, list):  # several, each with a name
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        template = named.get("default")
    return template if isinstance(template, str) else None


def write_tokenizer(folder: Path, tokenizer: Tokenizer | None, chat_template: str | None) -> None:
    """Write what a model has of the two."""
    if tokenizer is not None:
        tokenizer.save(folder)
    if chat_template is not None:
        (folder / _TEMPLATE).write_text(chat_template, encoding="utf-8")
