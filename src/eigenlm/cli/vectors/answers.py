"""Words with cosines, as a person reads them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eigenlm.cli.output import print_table
from eigenlm.terminal import say

if TYPE_CHECKING:
    from eigenlm.vectors.word_vectors import Neighbour


def print_neighbours(found: "Sequence[Neighbour]", *, quiet: bool) -> None:
    """A table of words and cosines; only the words where nothing else is wanted."""
    if quiet:
        for near in found:
            say(near.word)
    else:
        print_table("", ("word", "cosine"), [(near.word, f"{near.cosine:.4f}") for near in found])
