"""`eigenlm vectors align`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import HeldOut, Vectors
from eigenlm.cli.output import print_json, print_table
from eigenlm.errors import counted
from eigenlm.terminal import say
from eigenlm.vector_names import check_new_vectors, check_vectors

if TYPE_CHECKING:
    from eigenlm.estimate import Estimate
    from eigenlm.vectors.align import Alignment


@dataclass(frozen=True)
class VectorsAlignCommand(Command):
    """Turn one space into another by words that mean the same, and say how often it then translates others right."""

    vectors: Vectors
    target: Annotated[
        str, tyro.conf.Positional, tyro.conf.arg(metavar="TARGET", help="The space that it is turned into.")
    ]
    dictionary: Annotated[
        Path,
        tyro.conf.arg(name="pairs", metavar="PATH", help="Lines of a word of VECTORS and one of TARGET."),
    ]
    out: Annotated[
        Path | None,
        tyro.conf.arg(metavar="PATH", aliases=["-o"], help="Where to write VECTORS, turned. Nowhere by default."),
    ] = None
    method: Annotated[
        Literal["procrustes", "ridge"],
        tyro.conf.arg(help="A rotation, which keeps all cosines; or any linear map, by least squares with a penalty."),
    ] = "procrustes"
    penalty: float = 0.1
    """Of the ridge, in units of the pairs' mean squared length along a direction; 0 for plain least squares."""
    held_out: HeldOut = 0.2
    max_words: int = 50_000
    """Words of either space, from the first, among which translations are sought."""
    seed: int = 0
    """Holds the same words out again."""

    def check(self) -> None:
        """Refuse a target that there is not, and a place that cannot be written."""
        check_vectors(self.target)
        if self.out is not None:
            check_new_vectors(self.out, inputs=[Path(self.vectors), Path(self.target)])

    def run(self) -> None:
        """Learn, translate, write."""
        from eigenlm.vectors.align import align
        from eigenlm.vectors.formats import read_vectors, write_vectors
        from eigenlm.vectors.word_lists import read_word_pairs

        pairs = read_word_pairs(self.dictionary)
        found = align(
            read_vectors(self.vectors),
            read_vectors(self.target),
            pairs,
            method=self.method,
            penalty=self.penalty,
            share=self.held_out,
            most=self.max_words,
            seed=self.seed,
        )
        if self.out is not None:
            write_vectors(found.space, self.out)
        if self.json:
            print_json({"out": self.out, "method": self.method, **_figures(found)})
            return
        _print(found, quiet=self.quiet)
        if self.out is not None:
            self.point_to(self.out, f"eigenlm vectors neighbours {self.out} WORD")


def _figures(found: "Alignment") -> dict[str, object]:
    names = ("trained", "held_out", "unknown", "candidates", "precision")
    return {name: getattr(found, name) for name in names}


def _print(found: "Alignment", *, quiet: bool) -> None:
    rows = [(f"among the first {one.k}", _percent(one.nearest), _percent(one.csls)) for one in found.precision]
    title = f"Translations of {counted(found.held_out, 'held-out word')} among {found.candidates:,}"
    print_table(title, ("right", "by cosine", "by CSLS"), rows)
    if quiet:
        return
    learned = counted(found.trained, "pair")
    unknown = f"; {counted(found.unknown, 'pair')} had a word without a vector" if found.unknown else ""
    say(f"Learned from {learned} of {len(found.matrix)} numbers a word{unknown}.")
    if found.trained < len(found.matrix):
        say("There are fewer pairs than numbers in a vector: more pairs, or a smaller --dim, may translate better.")


def _percent(estimate: "Estimate") -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"
