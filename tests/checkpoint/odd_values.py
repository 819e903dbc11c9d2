"""A model's config.json with one value at a time in an odd form: each must give a model, or one line."""

import json
from pathlib import Path

from eigenlm.checkpoint import open_model
from eigenlm.errors import EigenError

_ODD = (-1, 0, "x", 1e30, 10**30, True, float("nan"), ["x"], {"a": 1}, None)
_SHARE = 3  # the others are tried on the same key in other families


def messages_of(folder: Path, name: str) -> list[str]:
    """What is said of a third of the odd forms of every value; any other error passes."""
    path = folder / "config.json"
    values = json.loads(path.read_text())
    found = []
    for place, key in enumerate(values):
        for odd in _ODD[(place + len(name)) % _SHARE :: _SHARE]:
            path.write_text(json.dumps(values | {key: odd}))
            try:
                open_model(folder)
            except EigenError as error:
                found.append(str(error))
    return found
