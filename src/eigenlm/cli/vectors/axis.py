"""`eigenlm vectors axis`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Many, Vectors
from eigenlm.cli.output import print_json, print_table
from eigenlm.terminal import say

if TYPE_CHECKING:
    from eigenlm.vectors.word_vectors import Neighbour


@dataclass(frozen=True)
class VectorsAxisCommand(Command):
    """A direction from pairs of words, such as man:woman king:queen, and the words that lie farthest along it."""

    vectors: Vectors
    pairs: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="ONE:OTHER ...", help="Pairs of words that differ in the same thing."),
    ]
    words: Annotated[
        str | None, tyro.conf.arg(metavar="A,B,C", help="Place these words, instead of looking for those at the ends.")
    ] = None
    k: Many = 10
    max_words: int = 50_000
    """Words of the space, from the first, among which those at the ends are looked for."""

    def run(self) -> None:
        """Find the direction, and say how well the pairs agree on it."""
        from eigenlm.vectors.axis import axis, parse_pair
        from eigenlm.vectors.formats import read_vectors

        pairs = [parse_pair(said) for said in self.pairs]
        space = read_vectors(self.vectors)
        found = axis(space, pairs)
        asked = [word.strip() for word in (self.words or "").split(",") if word.strip()]
        placed = found.coordinates(space, asked) if asked else None
        ends = None if asked else found.ends(space, self.k, most=self.max_words)
        if self.json:
            told = {
                "pairs": found.pairs,
                "energy": found.energy,
                "along": found.along,
                "direction": found.direction.tolist(),
            }
            print_json(told | {"words": placed, "ends": ends})
            return
        first, second = (_few(side) for side in zip(*found.pairs))
        if not self.quiet:
            say(_agreement(len(pairs), found.energy))
            if len(pairs) > 1:
                rows = [(f"{one}:{other}", f"{cosine:.3f}") for (one, other), cosine in zip(pairs, found.along)]
                print_table("", ("pair", "cosine with the axis"), rows)
            say("")
        if placed is not None:
            print_table(f"From {first} to {second}", ("word", "coordinate"), [_row(one) for one in placed])
        elif ends is not None:
            columns = (f"towards {first}", "coordinate", f"towards {second}", "coordinate ")
            rows = [(*_row(one), *_row(other)) for one, other in zip(*ends)]
            print_table("", columns, rows, words=(columns[2],))
        if not self.quiet:
            say("A coordinate is the cosine of a word with the axis: 0 for a word that lies to neither side.")


def _few(words: tuple[str, ...]) -> str:
    return ", ".join(words[:2]) + (", ..." if len(words) > 2 else "")


def _row(found: "Neighbour") -> tuple[str, str]:
    return found.word, f"{found.cosine:+.3f}"


def _agreement(count: int, energy: float) -> str:
    if count == 1:
        return (
            "The axis is the difference of one pair, whatever else the two words differ in; more pairs tell it apart."
        )
    return (
        f"The axis holds {energy:.0%} of what the {count} pairs differ in; pairs with nothing in common would have"
        f" {1 / count:.0%} or a little more."
    )
