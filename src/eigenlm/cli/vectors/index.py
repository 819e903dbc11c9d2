"""`eigenlm vectors index`."""

import time
from dataclasses import dataclass

from eigenlm.cli.command import Command
from eigenlm.cli.options import Out, Vectors
from eigenlm.cli.output import print_json
from eigenlm.errors import counted
from eigenlm.files import check_new
from eigenlm.terminal import tell
from eigenlm.vector_names import check_index_library


@dataclass(frozen=True)
class VectorsIndexCommand(Command):
    """Build an index once, by which `neighbours` and `ask` find the nearest of millions of words in a millisecond."""

    vectors: Vectors
    out: Out
    recall: float = 0.95
    """The share of a word's ten nearest that have to be found; more take longer to find."""
    seed: int = 0
    """Measures that share on the same words again."""

    def check(self) -> None:
        """Refuse a folder that holds something, and a library that is not there."""
        check_index_library()
        check_new(self.out)

    def run(self) -> None:
        """Build, measure, write."""
        from eigenlm.files import whole_folder
        from eigenlm.vectors.formats import files_of, read_vectors
        from eigenlm.vectors.index import build_index

        space = read_vectors(self.vectors)
        begun = time.perf_counter()
        with whole_folder(self.out) as folder:
            facts = build_index(space, folder, files_of(self.vectors), recall=self.recall, seed=self.seed)
        seconds = time.perf_counter() - begun
        if facts.recall.low < self.recall:
            tell(f"eigenlm: {self.recall:.0%} of the nearest are not surely found, however closely it looks")
        if self.json:
            print_json({"out": self.out, "seconds": seconds, **vars(facts)})
            return
        found = (
            f"{facts.recall.value:.1%} ({facts.recall.low:.1%} to {facts.recall.high:.1%}) of the ten nearest are found"
        )
        told = f"{counted(len(space), 'word')}, {seconds:.1f} s; {found}"
        self.point_to(self.out, f"eigenlm vectors neighbours {self.vectors} WORD --index {self.out} ({told})")
