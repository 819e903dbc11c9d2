"""`eigenlm vectors similarity`."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Vectors
from eigenlm.cli.output import print_json
from eigenlm.terminal import say


@dataclass(frozen=True)
class VectorsSimilarityCommand(Command):
    """The cosine of two words: 1 for the same direction, 0 for none in common, -1 for opposite ones."""

    vectors: Vectors
    one: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WORD")]
    other: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WORD")]

    def run(self) -> None:
        """Look both up."""
        from eigenlm.vectors.formats import read_vectors

        cosine = read_vectors(self.vectors).similarity(self.one, self.other)
        if self.json:
            print_json({"one": self.one, "other": self.other, "cosine": cosine})
        else:
            say(f"{cosine:.4f}")
