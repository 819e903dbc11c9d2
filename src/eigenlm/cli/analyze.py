"""`eigenlm analyze`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console
from rich.markup import escape

from eigenlm.cli.options import Json, Model
from eigenlm.cli.output import print_json
from eigenlm.errors import CheckpointError, ConfigError, explain

if TYPE_CHECKING:
    from eigenlm.analysis import Analysis


@dataclass(frozen=True)
class Analyze:
    """See inside a model: spectra, noise and tails of every matrix, and with a text, the model at work; or compare."""

    model: Model
    other: Annotated[
        str | None,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="OTHER", help="Compare with this one, matrix by matrix: what changed, and by what rank."),
    ] = None
    text: Annotated[
        str | None,
        tyro.conf.arg(metavar="TEXT", help="Also run the model on it: activations, heads, layers, senses of a word."),
    ] = None
    curvature: bool = False
    """Also the loss's curvature: Hessian, Gauss-Newton, KFAC, Jacobians; takes minutes."""
    senses: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="PATH",
            help='A word in sentences, JSON {"word": ..., "senses": {...}}; with --text, bank by default.',
        ),
    ] = None
    html: Annotated[
        Path | None, tyro.conf.arg(metavar="PATH", help="Write a report there: one interactive file, no network.")
    ] = None
    every: bool = False
    """A row for every matrix instead of one for each kind."""
    json: Json = False

    def run(self) -> None:
        """Look at every matrix, print tables or JSON, and write the report if one is wanted; or compare."""
        from eigenlm.analysis import analyze
        from eigenlm.machine.processes import is_first_rank

        if self.other is not None:
            self._compare(self.other)
            return
        analysis = analyze(self.model, text=self.text, curvature=self.curvature, senses=self.senses)
        if not is_first_rank():
            return
        if self.html is not None:
            self._write(analysis, self.html)
        if self.json:
            print_json(analysis.to_dict(singular_values=False) | {"report": self.html})
        else:
            self._print(analysis)

    def _compare(self, other: str) -> None:
        from eigenlm.analysis.comparison import compare, comparison_findings, comparison_table

        asked = {"--text": self.text, "--curvature": self.curvature, "--senses": self.senses, "--html": self.html}
        for option, given in asked.items():
            if given:
                do = f"leave {option} out, or analyse each model by itself"
                raise ConfigError(explain("comparing two models", expected="weights alone", got=option, do=do))
        comparison = compare(self.model, other)
        if self.json:
            print_json(comparison.to_dict())
            return
        console = Console()
        console.print(comparison_table(comparison, every=self.every))
        for finding in comparison_findings(comparison):
            console.print(f"\n[bold]{escape(finding.heading)}.[/] {escape(finding.text)}")

    def _print(self, analysis: "Analysis") -> None:
        from eigenlm.analysis.findings import findings
        from eigenlm.analysis.section_tables import section_tables
        from eigenlm.analysis.table import kind_table, matrix_table

        console = Console()
        console.print(matrix_table(analysis) if self.every else kind_table(analysis))
        for table in section_tables(analysis):
            console.print("", table)
        for finding in findings(analysis):
            console.print(f"\n[bold]{escape(finding.heading)}.[/] {escape(finding.text)}")
        for section, reason in analysis.left_out.items():
            console.print(f"\n[bold]No {section}.[/] {escape(reason)}")
        if self.html is not None:
            print(f"\nreport: {self.html}")

    def _write(self, analysis: "Analysis", path: Path) -> None:
        from eigenlm.analysis.report import Report, write_report

        title, facts = _facts(self.model)
        asked = {"text": self.text, "curvature": self.curvature, "senses": self.senses and str(self.senses)}
        options = {name: value for name, value in asked.items() if value}
        write_report(Report(title=title, analysis=analysis, facts=facts, model=self.model, options=options), path)


def _facts(model: str) -> tuple[str, dict[str, str]]:
    """What a model is called, and what it is, as far as it is one and not only tensors."""
    from eigenlm.checkpoint import open_model

    try:
        opened = open_model(model)
    except (CheckpointError, ConfigError):
        return Path(model).stem, {}
    title = opened.path.stem if opened.path.is_file() else opened.path.name
    return title, {"format": opened.format, "family": opened.family, "layers": str(opened.config.num_layers)}
