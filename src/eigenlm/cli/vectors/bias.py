"""`eigenlm vectors bias`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Vectors
from eigenlm.cli.output import print_json
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.files import check_new, check_output
from eigenlm.plain_table import PlainTable, print_tables
from eigenlm.terminal import Terminal, say

if TYPE_CHECKING:
    from eigenlm.vectors.bias import BiasAnswer, BiasQueries, Debiased, Leftover
    from eigenlm.vectors.word_vectors import WordVectors

_ENDS = (".bin", ".txt", ".vec", ".glove", "")
_DESCRIBED = 100_000  # words whose isotropy is told


@dataclass(frozen=True)
class VectorsBiasCommand(Command):
    """Which groups of words lean to which attributes, how strongly and how surely; --debias takes a bias out."""

    vectors: Vectors
    queries: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="PATH", help="A TOML file of sets of words; those of Caliskan and others 2017 by default."
        ),
    ] = None
    query: Annotated[
        tuple[str, ...],
        tyro.conf.arg(
            metavar="SETS ...", help='A question itself: "doctor, pilot / nurse, maid ~ he, him / she, her".'
        ),
    ] = ()
    metric: tuple[Literal["weat", "rnd", "rnsb", "mac", "ripa", "ect"], ...] = ("weat",)
    """How bias is measured."""
    in_sentences: bool = False
    """Ask a model for vectors of sentences such as "This is rose." instead (SEAT)."""
    out: Annotated[
        Path | None,
        tyro.conf.arg(
            name="debias",
            metavar="PATH",
            help="Write vectors without the bias that the file of queries defines, gender by default, and tell what is"
            " left of it; a name that ends in .bin, .txt, .vec or .glove, else a folder.",
        ),
    ] = None
    seed: int = 0
    """Makes the same intervals again."""

    def check(self) -> None:
        """Refuse measures that do not go together, and to write over what is read."""
        if self.in_sentences and (self.out is not None or self.metric != ("weat",)):
            expected, got = "WEAT alone with --in-sentences", "--debias" if self.out is not None else self.metric
            raise ConfigError(explain("vectors bias", expected=expected, got=got))
        if self.out is None:
            return
        if self.out.suffix.lower() not in _ENDS:
            raise ConfigError(explain("--debias", expected="an end of .bin, .txt, .vec, .glove or none", got=self.out))
        check_output(self.out, inputs=[Path(self.vectors)]) if self.out.suffix else check_new(self.out)

    def run(self) -> None:
        """Ask; then take out, if that is wanted; and print what is found in words first."""
        from eigenlm.cli.vectors.bias_tables import answer_tables, debias_tables
        from eigenlm.linalg.isotropy import isotropy
        from eigenlm.vectors.bias import bias, parse_query, read_queries, seat
        from eigenlm.vectors.formats import read_vectors, write_vectors

        said = read_queries() if self.queries is None else read_queries(self.queries)
        typed = [parse_query(one, f"query {i}") for i, one in enumerate(self.query, start=1)]
        queries = [*(said.queries if self.queries is not None or not typed else ()), *typed]
        if self.in_sentences:
            from eigenlm.language_model import load

            answers = seat(load(self.vectors).embed, queries, said.templates, seed=self.seed)
            self._show(answers, answer_tables(answers, ("weat",)), {})
            return
        space = read_vectors(self.vectors)
        answers = bias(space, queries, self.metric, seed=self.seed)
        spread = isotropy(space.first(_DESCRIBED).vectors)
        tables = answer_tables(answers, self.metric, spread)
        if self.out is None:
            self._show(answers, tables, {"isotropy": spread})
            return
        debiased, left, why = self._without_bias(space, said)
        after = bias(debiased.space, queries, ("weat",), seed=self.seed)
        write_vectors(debiased.space, self.out)
        told = {"isotropy": spread, "after": after, "left": left, "axis_energy": debiased.axis.energy, "out": self.out}
        before = answers if "weat" in self.metric else bias(space, queries, ("weat",), seed=self.seed)
        self._show(answers, [*tables, *debias_tables(before, after, debiased, left, why)], told)
        if not self.json:
            self.point_to(self.out, f"eigenlm vectors bias {self.out}")

    def _without_bias(self, space: "WordVectors", said: "BiasQueries") -> "tuple[Debiased, Leftover | None, str]":
        """The space without the bias; what is left of it, or why that is not known."""
        from eigenlm.vectors.bias import hard_debias, leftover

        debiased = hard_debias(space, said.debias)
        try:
            left, why = leftover(space, debiased, seed=self.seed), ""
        except DataError as error:
            left, why = None, str(error)
        return debiased, left, why

    def _show(self, answers: "Sequence[BiasAnswer]", tables: "Sequence[PlainTable]", more: dict[str, Any]) -> None:
        if self.json:
            print_json({"answers": answers, **more})
        elif self.quiet:
            for answer in answers:
                for score in answer.scores:
                    say(f"{answer.query}: {score.finding}")
        else:
            print_tables(Terminal(), tables)
