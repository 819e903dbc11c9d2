"""`eigenlm vectors reshape`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Vectors
from eigenlm.cli.output import print_json
from eigenlm.cli.vectors.questions import Questions, print_changed_scores
from eigenlm.errors import ConfigError, counted, explain
from eigenlm.terminal import say
from eigenlm.vector_names import check_new_vectors


@dataclass(frozen=True)
class VectorsReshapeCommand(Command):
    """Bend a space to a purpose: bring words together that belong together, and say what it does to all the others."""

    vectors: Vectors
    out: Annotated[
        Path | None, tyro.conf.arg(metavar="PATH", aliases=["-o"], help="Where to write. Nowhere by default.")
    ] = None
    labels: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help="Lines of a word and the name of its group.")] = (
        None
    )
    near: Annotated[
        Path | None, tyro.conf.arg(name="pairs", metavar="PATH", help="Lines of two words that should be near.")
    ] = None
    penalty: float = 0.3
    """How much the rest is kept as it is, in units of the words' mean squared length along a direction."""
    strength: float = 1.0
    """How far words move towards their own and away from others."""
    seed: int = 0
    """Holds the same words out again."""

    def check(self) -> None:
        """Refuse none or both of the two files, and a place that cannot be written."""
        if (self.labels is None) == (self.near is None):
            got = "neither" if self.labels is None else "both"
            raise ConfigError(explain("reshape", expected="one of --labels and --pairs", got=got))
        if self.out is not None:
            check_new_vectors(self.out, inputs=[Path(self.vectors)])

    def run(self) -> None:
        """Learn, map, compare, write."""
        from eigenlm.vectors.change import changed_scores
        from eigenlm.vectors.formats import read_vectors, write_vectors
        from eigenlm.vectors.reshape import reshape_by_labels, reshape_by_pairs
        from eigenlm.vectors.word_lists import read_word_pairs

        reshape = reshape_by_pairs if self.labels is None else reshape_by_labels
        words = read_word_pairs(next(path for path in (self.labels, self.near) if path is not None))
        before = read_vectors(self.vectors)
        made = reshape(before, words, penalty=self.penalty, strength=self.strength, seed=self.seed)
        if self.out is not None:
            write_vectors(made.space, self.out)
        analogies, pairs = Questions().files_there_are()
        scores = changed_scores(before, made.space, questions=analogies, pairs=pairs)
        if self.json:
            figures = {"trained": made.trained, "unknown": made.unknown, "effect": made.effect, "scores": scores}
            print_json({"out": self.out, **figures})
            return
        print_changed_scores(made.effect, "On words, each by a map that was learned without it", quiet=self.quiet)
        if not self.quiet:
            unknown = f"; {counted(made.unknown, 'word')} had no vector" if made.unknown else ""
            say(f"Learned from {counted(made.trained, 'word')}{unknown}.")
        print_changed_scores(scores, "On general questions", quiet=self.quiet)
        if self.out is not None:
            self.point_to(self.out, f"eigenlm vectors neighbours {self.out} WORD")
