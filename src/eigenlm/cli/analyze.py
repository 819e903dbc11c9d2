"""`eigenlm analyze`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from eigenlm.cli.options import Json, Model
from eigenlm.cli.output import print_json


@dataclass(frozen=True)
class Analyze:
    """Singular values of every matrix: norms, stable and effective rank, energy, condition; one tensor at a time."""

    model: Model
    out: Annotated[
        Path | None, tyro.conf.arg(metavar="PATH", help="Write a report there: one interactive HTML file, no network.")
    ] = None
    every: bool = False
    """A row for every matrix instead of one for each kind."""
    json: Json = False

    def run(self) -> None:
        """Decompose every matrix, print a table, and write the report if one is wanted."""
        from eigenlm.analyze import analyze
        from eigenlm.analyze.report import Report, write_report
        from eigenlm.analyze.table import kind_table, matrix_table
        from eigenlm.checkpoint import open_model

        opened = open_model(self.model)
        analysis = analyze(opened.tensors)
        if self.out is not None:
            facts = {"format": opened.format, "family": opened.family, "layers": str(opened.config.num_layers)}
            title = opened.path.stem if opened.path.is_file() else opened.path.name
            write_report(Report(title=title, analysis=analysis, facts=facts, model=self.model), self.out)
        if self.json:
            print_json(analysis.to_dict(singular_values=False) | {"report": self.out})
            return
        Console().print(matrix_table(analysis) if self.every else kind_table(analysis))
        if self.out is not None:
            print(f"\nreport: {self.out}")
