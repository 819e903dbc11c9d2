"""What was said: a message or a command, on one line, pasted, or between two `\"\"\"`."""

import re
from collections.abc import Callable
from dataclasses import dataclass

BLOCK = '"""'
_COMMAND = re.compile(r"(/[^\s/]*)(?:[ \t]+(.*))?")


@dataclass(frozen=True)
class Said:
    """A message where `command` is empty, else a command such as `/system` with the text that follows it."""

    command: str
    text: str


def next_said(line: Callable[[str], str]) -> Said:
    """What is said next.

    A line that starts with a slash is a command, unless it is the beginning of a path. Lines that come together are one
    message, as are those between two `\"\"\"`, which may also follow a command.

    Args:
        line: gives the next line, or those that were pasted, after it showed the prompt.
    """
    text = line(">>> ").encode("utf-8", "replace").decode()
    before, opens, rest = text.partition(BLOCK)
    starts = bool(opens) and (not before.strip() or _COMMAND.fullmatch(before.strip()) is not None)
    if "\n" in text and not (starts and rest.rstrip().endswith(BLOCK)):
        return Said("", text)
    if not starts:
        return _parsed(text.strip())
    said = _parsed(before.strip())
    return Said(said.command, f"{said.text} {_block(rest, line)}" if said.text else _block(rest, line))


def _parsed(text: str) -> Said:
    found = _COMMAND.fullmatch(text)
    return Said(found[1].lower(), (found[2] or "").strip()) if found else Said("", text)


def _block(first: str, line: Callable[[str], str]) -> str:
    """The text up to the closing quotes, or to the end of what is said."""
    lines = [first]
    while not lines[-1].rstrip().endswith(BLOCK):
        try:
            lines.append(line("... ").encode("utf-8", "replace").decode())
        except EOFError:
            break
    return "\n".join(lines).rstrip().removesuffix(BLOCK).strip("\n")
