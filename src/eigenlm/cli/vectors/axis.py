"""`eigenlm vectors axis`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Many, Vectors
from eigenlm.cli.output import print_json
from eigenlm.plain_table import PlainTable, print_tables
from eigenlm.terminal import Terminal, say

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
        placed = found.coordinates(space, asked)
        ends = ((), ()) if asked else found.ends(space, self.k, most=self.max_words)
        if self.json:
            told = {
                "pairs": found.pairs,
                "energy": found.energy,
                "along": found.along,
                "direction": found.direction.tolist(),
            }
            print_json(told | {"words": placed, "ends": ends})
            return
        if self.quiet:
            for one in placed or [*ends[0], *ends[1][::-1]]:
                say(one.word)
            return
        agree = PlainTable("", ("pair", "cosine"))
        for pair, cosine in zip(found.pairs, found.along):
            agree.add_row(":".join(pair), f"{cosine:+.3f}")
        first, second = (", ".join(side[:2]) + (", ..." if len(side) > 2 else "") for side in zip(*found.pairs))
        words = _placed(placed) if placed else _ends(found.pairs[0], *ends)
        words.title = f"From {first} to {second}"
        words.with_notes(["A word's place is its cosine with the axis: 0 for one that lies to neither side."])
        print_tables(Terminal(), [agree.with_notes([_agreement(len(pairs), found.energy)]), words])


def _placed(words: "Sequence[Neighbour]") -> PlainTable:
    table = PlainTable("", ("word", "place"))
    for one in words:
        table.add_row(*_row(one))
    return table


def _ends(pair: tuple[str, str], first: "Sequence[Neighbour]", second: "Sequence[Neighbour]") -> PlainTable:
    names = (f"near {pair[0]}", "place", f"near {pair[1]}", "place ")
    table = PlainTable("", names, words=names[2:3])
    for one, other in zip(first, second):
        table.add_row(*_row(one), *_row(other))
    return table


def _row(found: "Neighbour") -> tuple[str, str]:
    return found.word, f"{found.cosine:+.3f}"


def _agreement(count: int, energy: float) -> str:
    if count == 1:
        return "Of one pair, the axis is all that its words differ in; more pairs show what they have in common."
    return (
        "The axis is the mean of the pairs' differences; above, the cosine of each with it. It holds"
        f" {energy:.0%} of them; of pairs with nothing in common it would hold about {1 / count:.0%}."
    )
