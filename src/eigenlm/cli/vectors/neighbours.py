"""`eigenlm vectors neighbours`."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Index, Many, Vectors
from eigenlm.cli.output import print_json
from eigenlm.cli.vectors.answers import print_neighbours


@dataclass(frozen=True)
class VectorsNeighboursCommand(Command):
    """The words whose vectors point most nearly the same way as a word's."""

    vectors: Vectors
    word: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WORD")]
    k: Many = 10
    index: Index = None

    def run(self) -> None:
        """Look for them."""
        from eigenlm.vectors.formats import read_indexed

        found = read_indexed(self.vectors, self.index).neighbours(self.word, self.k)
        if self.json:
            print_json({"word": self.word, "neighbours": found})
        else:
            print_neighbours(found, quiet=self.quiet)
