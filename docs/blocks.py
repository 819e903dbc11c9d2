"""The fenced blocks of a Markdown page, in order."""

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """What stands between two fences; `mark` is `run` where the site shows what it prints."""

    language: str
    mark: str
    text: str
    start: int
    end: int


def blocks(page: str, *languages: str) -> list[Block]:
    """Those of a page in these languages, or all of them."""
    found = [Block(m[1], m[2].strip(), m[3], m.start(), m.end()) for m in _FENCE.finditer(page)]
    return [block for block in found if not languages or block.language in languages]
