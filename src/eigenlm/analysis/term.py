"""One explained word, and the file that each section keeps its words in."""

import tomllib
from importlib import resources
from typing import NamedTuple


class Term(NamedTuple):
    """A column's or chart's label and its definition, for a reader who has not met it."""

    label: str
    definition: str


def read_terms(package: str) -> dict[str, dict[str, Term]]:
    """The words in a package's `terms.toml`: by heading and key, a label and a definition."""
    groups = tomllib.loads(resources.files(package).joinpath("terms.toml").read_text(encoding="utf-8"))
    return {heading: {key: Term(*told) for key, told in words.items()} for heading, words in groups.items()}
