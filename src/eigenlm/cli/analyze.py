"""`eigenlm analyze`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.markup import escape

from eigenlm.cli.command import Command
from eigenlm.cli.options import Model, Overwrite
from eigenlm.cli.output import print_json
from eigenlm.errors import ConfigError, counted, explain
from eigenlm.plain_table import print_tables
from eigenlm.section_options import OPTIONS
from eigenlm.terminal import Terminal, say

if TYPE_CHECKING:
    from eigenlm.analysis import Analysis
    from eigenlm.analysis.finding import Finding


def _sections() -> type:
    """A dataclass of the options of all sections."""
    fields = []
    for name, option in OPTIONS.items():
        flag = option.kind is bool
        kind: Any = bool if flag else option.kind | None
        told = tyro.conf.arg(help=option.help, metavar=option.metavar or None)
        fields.append((name, Annotated[kind, told], field(default=False if flag else None)))
    made = make_dataclass("Sections", fields, frozen=True)
    made.__doc__ = "What else to look at."
    return made


@dataclass(frozen=True)
class AnalyzeCommand(Command):
    """See inside a model: spectra, noise and tails of every matrix, and with a text, the model at work; or compare."""

    model: Model
    others: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="OTHER", help="Compare with these, matrix by matrix: what changed, and by what rank."),
    ] = ()
    text: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="TEXT",
            aliases=["-f"],
            help="Also run the model on it: activations, heads, layers, senses of a word.",
        ),
    ] = None
    sections: Annotated[Any, tyro.conf.arg(constructor_factory=_sections)] = None
    html: Annotated[
        Path | None, tyro.conf.arg(metavar="PATH", help="Write a report there: one interactive file, no network.")
    ] = None
    every: bool = False
    """All findings instead of five, and a row for every matrix instead of one for each kind."""
    overwrite: Overwrite = False

    def check(self) -> None:
        """Refuse what is asked of a comparison and takes one model."""
        for option in self._asked() if self.others else ():
            do = f"leave --{option} out, or analyse each model by itself"
            raise ConfigError(explain("comparing models", expected="weights alone", got=f"--{option}", do=do))

    def run(self) -> None:
        """Look at every matrix, print tables or JSON, and write the report if one is wanted; or compare."""
        from eigenlm.analysis import analyze
        from eigenlm.machine.processes import is_first_rank

        if self.others:
            self._compare()
            return
        analysis = analyze(self.model, **self._asked())
        if not is_first_rank():
            return
        _tell_what_cannot_run(self.model)
        if self.html is not None:
            analysis.report(self.html)
        if self.json:
            print_json(analysis.to_dict(singular_values=False) | {"report": self.html})
        else:
            self._print(analysis)

    def _asked(self) -> dict[str, Any]:
        """What was asked beyond the matrices, by the names that `analyze` takes."""
        given: Mapping[str, Any] = {"text": self.text} | asdict(self.sections)
        return {name: value for name, value in given.items() if value}

    def _compare(self) -> None:
        from eigenlm.analysis.comparison import changes_table, compare, comparison_table

        first, *more = comparisons = [compare(self.model, other) for other in self.others]
        if self.html is not None:
            first.report(self.html, *more)
        if self.json:
            told = {"comparisons": [comparison.to_dict() for comparison in comparisons]} if more else first.to_dict()
            print_json(told | {"report": self.html})
            return
        console = Terminal()
        for comparison in comparisons:
            if more:
                console.print(f"[bold]{escape(comparison.after.title)}[/]\n")
            self._print_findings(console, comparison.findings, "--every or --html PATH")
        every = self.every
        table = changes_table(comparisons, every=every) if more else comparison_table(first, every=every)
        print_tables(console, [table], "--html PATH")
        if self.html is not None:
            say(f"\nreport: {self.html}")

    def _print(self, analysis: "Analysis") -> None:
        from eigenlm.analysis.finding import listed
        from eigenlm.analysis.tables import tables

        console = Terminal()
        self._print_findings(console, analysis.findings, "--every or --html PATH")
        for reason in dict.fromkeys(analysis.left_out.values()):
            names = [name for name, why in analysis.left_out.items() if why == reason]
            console.print(f"[bold]No {listed(names, most=len(names))}.[/] {escape(reason)}\n")
        print_tables(console, tables(analysis, every=self.every), "--html PATH")
        if self.html is not None:
            say(f"\nreport: {self.html}")

    def _print_findings(self, console: Terminal, findings: "Sequence[Finding]", more: str) -> None:
        """The first of them, each a paragraph; all of them if every one is wanted."""
        from eigenlm.analysis.finding import MOST_FINDINGS

        shown = findings if self.every else findings[:MOST_FINDINGS]
        for finding in shown:
            console.print(f"[bold]{escape(finding.heading)}.[/] {escape(finding.text)}\n", highlight=False)
        if left := len(findings) - len(shown):
            console.print(f"{counted(left, 'more finding')}: {more} shows them.\n", style="dim", highlight=False)


def _tell_what_cannot_run(model: str) -> None:
    """One line on standard error for a model that is whole and not understood."""
    from eigenlm.checkpoint import Matrices, open_any

    found = open_any(model)
    if isinstance(found, Matrices) and found.reason is not None:
        told = f"eigenlm: this model can be looked at (analyze, info) but not run: {found.reason}"
        print(told, file=sys.stderr)
