"""Questions that a space is evaluated by: named, or those of an installed gensim."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.cli.output import print_table
from eigenlm.errors import DataError
from eigenlm.terminal import say
from eigenlm.vector_names import evaluation_sets

if TYPE_CHECKING:
    from eigenlm.estimate import Estimate
    from eigenlm.vectors.change import ChangedScore


@dataclass(frozen=True)
class Questions:
    """Analogies and judged pairs."""

    analogies: Annotated[
        Path | None,
        tyro.conf.arg(metavar="PATH", help="Lines of four words; by default Google's, from an installed gensim."),
    ] = None
    pairs: Annotated[
        tuple[Path, ...],
        tyro.conf.arg(
            metavar="PATH ...",
            help="Lines of two words and a number, tabs between; by default WordSim-353 and SimLex-999 from gensim.",
        ),
    ] = ()
    max_words: int = 300_000
    """Words of the space, from the first, among which an analogy is answered."""

    def files(self) -> tuple[Path, tuple[Path, ...]]:
        """Those that are named, and the standard ones for those that are not.

        Raises:
            DataError: the standard ones are needed and not installed.
        """
        if self.analogies is not None and self.pairs:
            return self.analogies, self.pairs
        standard = evaluation_sets()
        return self.analogies or standard[0], self.pairs or tuple(standard[1:])

    def files_there_are(self) -> tuple[Path | None, tuple[Path, ...]]:
        """The same, but none instead of the standard ones where they are not installed."""
        try:
            return self.files()
        except DataError:
            return self.analogies, self.pairs


def print_changed_scores(scores: "Sequence[ChangedScore]", title: str, *, quiet: bool) -> None:
    """A table of scores before and after, or how there could be one."""
    if scores:
        rows = [
            (one.name, f"{one.asked:,}", f"{one.before.value:.4f}", f"{one.after.value:.4f}", _signed(one.difference))
            for one in scores
        ]
        print_table(title, ("score", "asked", "before", "after", "difference (95% interval)"), rows)
    elif not quiet:
        say("Analogies and judged pairs are compared too where gensim is installed: pip install --no-deps gensim")


def _signed(difference: "Estimate") -> str:
    return f"{difference.value:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})"
