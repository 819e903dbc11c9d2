"""All that is known of a model: what each section found, and why others found nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from eigenlm.analysis import sections
from eigenlm.analysis.about import About
from eigenlm.analysis.finding import MOST_FINDINGS, Finding
from eigenlm.analysis.kinds import called
from eigenlm.analysis.rows import parts, table
from eigenlm.analysis.spectra import MatrixSpectrum, Spectra
from eigenlm.analysis.stream import Skipped
from eigenlm.config import to_dict
from eigenlm.errors import ConfigError, explain

if TYPE_CHECKING:
    import pandas
    import plotly.graph_objects as go


@dataclass(frozen=True, init=False, repr=False)
class Analysis:
    """What sections found; each result is an attribute of the section's name, None if it was not measured.

    `len(analysis)` counts the matrices, `for matrix in analysis` goes through them, `analysis[name]` is one.

    Attributes:
        results: what was found, by the section's name.
        left_out: sections that were asked for and could not be had, each with the reason.
        about: what was analysed.
    """

    results: Mapping[str, Any]
    left_out: Mapping[str, str]
    about: About

    def __init__(
        self,
        *,
        results: Mapping[str, Any] | None = None,
        left_out: Mapping[str, str] | None = None,
        about: About | None = None,
        **named: Any,
    ) -> None:
        """Hold results, given by name: `Analysis(spectra=..., senses=...)`; those that are None are not held."""
        given = {**(results or {}), **named}
        object.__setattr__(self, "results", {name: found for name, found in given.items() if found is not None})
        object.__setattr__(self, "left_out", dict(left_out or {}))
        object.__setattr__(self, "about", about or About())

    def __repr__(self) -> str:
        found = [f"  {finding.heading}" for finding in self.findings[:MOST_FINDINGS]]
        return "\n".join([self._heading(), *found, f"  sections: {', '.join(self.results)}"])

    def _repr_html_(self) -> str:
        item = Markup("<li><b>{}.</b> {}</li>")
        found = Markup("").join(item.format(one.heading, one.text) for one in self.findings[:MOST_FINDINGS])
        return str(Markup("<p>{}</p><ol>{}</ol>").format(self._heading(), found))

    def _heading(self) -> str:
        totals = self.totals()
        return f"Analysis of {self.about.title}: {len(self):,} matrices, {totals['num_params']:,} parameters in them"

    def __len__(self) -> int:
        return len(self.matrices)

    def __iter__(self) -> Iterator[MatrixSpectrum]:
        return iter(self.matrices)

    def __bool__(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        if name in {section.name for section in sections.SECTIONS}:
            return self.results.get(name)
        raise AttributeError(f"an Analysis has no {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(section.name for section in sections.SECTIONS)})

    def __getitem__(self, name: str) -> MatrixSpectrum:
        """The matrix of this name.

        Raises:
            ConfigError: there is none.
        """
        return called(self.matrices, name)

    @property
    def matrices(self) -> tuple[MatrixSpectrum, ...]:
        """The matrices with a spectrum, in the model's order."""
        return self._spectra.matrices

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Those without one, each with the reason."""
        return self._spectra.skipped

    def totals(self) -> dict[str, int]:
        """Counts over all matrices, as `Spectra.totals` has them."""
        return self._spectra.totals()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a reader should know, the most telling first."""
        found = [
            finding
            for section in sections.SECTIONS
            if section.name in self.results
            for finding in section.findings(self.results[section.name], self.results)
        ]
        return tuple(sorted(found, key=lambda finding: -finding.weight))

    def to_pandas(self) -> "pandas.DataFrame":
        """A row for every matrix, by its name, with the columns of all sections that look at single matrices.

        An estimate with an interval is three columns: `alpha`, `alpha_low` and `alpha_high`.

        Raises:
            ConfigError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            do = "pip install pandas"
            raise ConfigError(explain("to_pandas", expected="the package pandas", got="none", do=do)) from error
        names = [matrix.name for matrix in self.matrices]
        _, cells = table(names, parts(self.results).values())
        rows = [dict(pair for key, cell in row.items() for pair in _with_ends(key, cell)) for row in cells]
        return pandas.DataFrame(rows).set_index("name") if rows else pandas.DataFrame()

    def plot(self, what: str = "stable_rank") -> "go.Figure":
        """A Plotly figure: the singular values of a matrix, or one column of all matrices as a map of the model.

        Args:
            what: the name of a matrix, or of a column of numbers of `to_pandas`.

        Raises:
            ConfigError: there is no such matrix or column.
        """
        from eigenlm.analysis.plots import plot

        return plot(self, what)

    def report(self, path: str | Path) -> None:
        """Write the page to read it in: one interactive file that needs no network.

        Raises:
            DataError: the place cannot be written.
        """
        from eigenlm.analysis.page import Report, write_report

        write_report(Report(analysis=self), path)

    def to_dict(self, *, singular_values: bool = True) -> dict[str, Any]:
        """Plain JSON values: what it is of, the matrices, each other section by name, null if it was not measured."""
        others = {s.name: self.results.get(s.name) for s in sections.SECTIONS if s.name != "spectra"}
        return {
            "about": to_dict(self.about),
            "findings": [to_dict(finding) for finding in self.findings],
            **self._spectra.to_dict(singular_values=singular_values),
            **{name: found and to_dict(found) for name, found in others.items()},
            "left_out": dict(self.left_out),
        }

    @property
    def _spectra(self) -> Spectra:
        return self.results.get("spectra") or Spectra()


def _with_ends(key: str, cell: Any) -> list[tuple[str, Any]]:
    """A cell under its key; that of an estimate and its interval under three."""
    return list(zip((key, f"{key}_low", f"{key}_high"), cell)) if isinstance(cell, list) else [(key, cell)]
