"""`eigenlm vectors odd-one-out`."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Vectors
from eigenlm.cli.output import print_json
from eigenlm.cli.vectors.answers import print_neighbours


@dataclass(frozen=True)
class VectorsOddOneOutCommand(Command):
    """Of three words or more, the one that fits least: each by its cosine with the mean of all, the odd one first."""

    vectors: Vectors
    words: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="WORD ...")]

    def run(self) -> None:
        """Look all of them up."""
        from eigenlm.vectors.formats import read_vectors

        found = read_vectors(self.vectors).odd_one_out(self.words)
        if self.json:
            print_json({"odd": found[0].word, "by_cosine_with_the_mean": found})
        else:
            print_neighbours(found[:1] if self.quiet else found, quiet=self.quiet)
