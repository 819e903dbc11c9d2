"""JSON objects on disk."""

from pathlib import Path
from typing import Any

from eigenlm.errors import CheckpointError, explain
from eigenlm.files import read_json


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        CheckpointError: no such file, or other content.
    """
    try:
        values = read_json(path)
    except OSError as error:
        raise CheckpointError(explain(f"reading {path}", expected="a file", got=error.strerror)) from error
    except ValueError as error:
        raise CheckpointError(explain(f"reading {path}", expected="JSON", got=error)) from error
    if not isinstance(values, dict):
        raise CheckpointError(explain(f"reading {path}", expected="a JSON object", got=type(values).__name__))
    return values
