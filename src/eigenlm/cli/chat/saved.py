"""Conversations as JSON files, in the user's state folder or anywhere."""

import json
import os
from pathlib import Path
from typing import Any

from eigenlm.cli.chat.conversation import Conversation, Exchange
from eigenlm.errors import DataError, explain
from eigenlm.files import check_output, read_json, write_text

_FORMAT = "eigenlm conversation"
_OVERWRITE = " --overwrite"


def state_folder() -> Path:
    """Where the user's conversations and their history are."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "eigenlm"


def saved_names() -> list[str]:
    """Names that `load` finds."""
    return sorted(path.stem for path in (state_folder() / "chats").glob("*.json"))


def save(conversation: Conversation, name: str) -> str:
    """Write the conversation, over one of another time only where the name is followed by `--overwrite`.

    Raises:
        DataError: no name, something is there, or it cannot be written.
    """
    path, overwrite = _path(name.removesuffix(_OVERWRITE), "/save"), name.endswith(_OVERWRITE)
    if path.exists() and not overwrite:
        do = f"choose another, or /save {name}{_OVERWRITE}"
        raise DataError(explain(f"/save {path}", expected="a new file", got="one that is there", do=do))
    check_output(path, overwrite=False)
    messages: list[dict[str, Any]] = [{"role": "system", "content": conversation.system}] if conversation.system else []
    for exchange in conversation.exchanges:
        messages.append({"role": "user", "content": exchange.question})
        messages.append({"role": "assistant", "content": exchange.answer} | ({"cut": True} if exchange.cut else {}))
    told = {"format": _FORMAT, "model": conversation.lm.name, "options": conversation.options, "messages": messages}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return f"{'Replaced' if overwrite else 'Wrote'} {path}"


def load(conversation: Conversation, name: str) -> str:
    """Go on with a saved conversation, its system message and options; all or nothing.

    Raises:
        DataError: no such file, or one that is damaged.
        ConfigError: its options do not serve.
    """
    path = _path(name, "/load")
    try:
        told = read_json(path)
        system, exchanges = _understood(told)
        model = str(told["model"])
        conversation.set_options(told["options"])
    except OSError as error:
        do = f"saved are: {', '.join(saved_names()) or 'none'}"
        raise DataError(explain(f"/load {path}", expected="a file", got=error.strerror or error, do=do)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        got = str(error) or "another file"
        raise DataError(explain(f"/load {path}", expected="a conversation that /save wrote", got=got)) from error
    conversation.system = system
    conversation.start(exchanges)
    other = "" if model == conversation.lm.name else f"; it was with {model}"
    return f"Read {len(exchanges)} question{'s' * (len(exchanges) != 1)} from {path}{other}"


def _understood(told: Any) -> tuple[str, list[Exchange]]:
    """The system message and the exchanges of a file."""
    if told["format"] != _FORMAT:
        raise ValueError(f"format {told['format']!r}")
    said = [(message["role"], message["content"], bool(message.get("cut"))) for message in told["messages"]]
    if not all(isinstance(content, str) for _, content, _ in said):
        raise ValueError("a message that is no text")
    system = said.pop(0)[1] if said and said[0][0] == "system" else ""
    if [role for role, _, _ in said] != ["user", "assistant"] * (len(said) // 2):
        raise ValueError("messages that do not alternate")
    pairs = zip(said[::2], said[1::2])
    return system, [Exchange(question, answer, cut) for (_, question, _), (_, answer, cut) in pairs]


def _path(name: str, command: str) -> Path:
    name = name.strip()
    if not name:
        raise DataError(explain(command, expected="a name or a path", got="none"))
    path = Path(name).expanduser()
    return path if path.suffix == ".json" or path.name != name else state_folder() / "chats" / f"{name}.json"
