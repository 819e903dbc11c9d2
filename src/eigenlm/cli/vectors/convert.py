"""`eigenlm vectors convert`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Vectors
from eigenlm.cli.output import print_json
from eigenlm.errors import counted
from eigenlm.vector_names import check_new_vectors


@dataclass(frozen=True)
class VectorsConvertCommand(Command):
    """Write word vectors in another format, which the name's end says."""

    vectors: Vectors
    out: Annotated[
        Path,
        tyro.conf.arg(
            aliases=["-o"],
            metavar="PATH",
            help="A name that ends in .bin (word2vec's binary), .txt or .vec (its text), or .glove; else a folder.",
        ),
    ]
    max_words: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Only so many words, the first of them; all by default."""

    def check(self) -> None:
        """Refuse to write over what is read, or into a folder that holds something."""
        check_new_vectors(self.out, inputs=[Path(self.vectors)])

    def run(self) -> None:
        """Read and write."""
        from eigenlm.vectors.formats import read_vectors, write_vectors

        space = read_vectors(self.vectors).first(self.max_words)
        write_vectors(space, self.out)
        if self.json:
            print_json({"out": self.out, "num_words": len(space), "dim": space.dim})
        else:
            self.point_to(self.out, f"eigenlm vectors neighbours {self.out} WORD ({counted(len(space), 'word')})")
