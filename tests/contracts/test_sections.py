"""What every section of an analysis keeps to: one that stands in SECTIONS is tested, and shown without another line."""

import ast
import importlib
import io
import json
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from markupsafe import Markup
from rich.console import Console
from rich.table import Table

import eigenlm
from eigenlm.analysis import Analysis, analyze
from eigenlm.analysis.about import About
from eigenlm.analysis.finding import Finding
from eigenlm.analysis.page.contents import absent
from eigenlm.analysis.page.page import page_data, render
from eigenlm.analysis.page.report import Report
from eigenlm.analysis.page.words import all_terms
from eigenlm.analysis.page_part import Column, PagePart
from eigenlm.analysis.rows import parts
from eigenlm.analysis.section import Section
from eigenlm.analysis.sections import SECTIONS
from eigenlm.analysis.term import Term
from eigenlm.cli import main
from eigenlm.errors import ConfigError, DataError
from eigenlm.plain_table import PlainTable
from eigenlm.section_options import OPTIONS, Option
from tests.short import too_long

EVERY = pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
WHERE = "eigenlm.analysis.sections.SECTIONS"


@pytest.fixture(scope="module")
def seen(tiny_model: Path) -> Analysis:
    """The tiny model with every section, each asked for as simply as it can be."""
    lm = eigenlm.load(tiny_model)
    windows = torch.randint(0, lm.config.vocab_size, (4, 24), generator=torch.Generator().manual_seed(0))
    flags = {section.name: True for section in SECTIONS if section.option and section.option.kind is bool}
    return analyze(lm, text=windows, **flags)


def home(section: Section[Any]) -> str:
    """The package of a section: that of the module of the function that makes its part of the page."""
    return sys.modules[section.page.__module__].__name__.rpartition(".")[0]


def plain(value: Any) -> Iterator[Any]:
    """Every leaf of JSON values."""
    if isinstance(value, dict):
        for item in value.values():
            yield from plain(item)
    elif isinstance(value, list):
        for item in value:
            yield from plain(item)
    else:
        yield value


@EVERY
def test_it_is_named_and_its_result_is_held_under_its_name(section, seen: Analysis):
    assert re.fullmatch(r"[a-z_]+", section.name)
    assert section.title
    assert [other.name for other in SECTIONS].count(section.name) == 1
    assert getattr(seen, section.name) is seen.results[section.name]
    assert getattr(Analysis(), section.name) is None


@EVERY
def test_its_values_are_plain_json(section, seen: Analysis):
    alone = Analysis(results={section.name: seen.results[section.name]})
    told = alone.to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)).keys() == seen.to_dict().keys()
    assert not [leaf for leaf in plain(told) if isinstance(leaf, float) and not math.isfinite(leaf)]
    assert told != Analysis().to_dict()


@EVERY
def test_its_tables_have_titles_and_headings(section, seen: Analysis):
    found = seen.results[section.name]
    tables = [*section.tables(found), *(section.every(found) if section.every else ())]
    assert tables
    for table in tables:
        assert isinstance(table, Table)
        assert table.title
        assert table.row_count
        for i, column in enumerate(table.columns):  # without a heading are names, and how many there are of a kind
            assert str(column.header).strip() or i == 0 or all(str(cell).isdigit() for cell in column.cells)
        console = Console(width=80, record=True, file=io.StringIO())
        console.print(table)
        assert max(map(len, console.export_text().splitlines())) <= 80


@EVERY
def test_its_findings_are_whole_sentences(section, seen: Analysis):
    told = section.findings(seen.results[section.name], seen.results)
    assert told
    for finding in told:
        assert finding.heading[0].isupper()
        assert not finding.heading.endswith(".")
        assert re.match(r"[A-Z0-9‖“]|" + "|".join(map(re.escape, (m.name for m in seen.matrices))), finding.text)
        assert finding.text.endswith(".")
        assert finding.section in {"matrix", "table", section.name}


@EVERY
def test_it_explains_its_words_and_no_other_section_does(section):
    own = [key for words in section.terms.values() for key in words]
    assert own
    others = [key for other in SECTIONS if other is not section for words in other.terms.values() for key in words]
    assert len(set(own)) == len(own)
    assert not set(own) & set(others)
    for key in own:
        assert all_terms()[key].definition.endswith((".", ")"))


@EVERY
def test_its_part_of_the_page_asks_the_network_for_nothing_and_its_words_are_explained(section, seen: Analysis):
    part = section.page(seen.results[section.name], seen.results)
    assert part.html or part.columns
    assert not re.search(r"https?:|//cdn|@import|url\(|fetch\(|XMLHttpRequest|WebSocket", part.html + part.script)
    assert all(f'id="{id}"' in part.html for id, _ in part.links)
    words = {*re.findall(r'data-term="([^"]*)"', part.html), *(column.key for column in part.columns)}
    assert words <= set(all_terms())
    assert set(part.rows) <= {matrix.name for matrix in seen.matrices}
    json.dumps(part.curves, allow_nan=False)


@EVERY
def test_it_is_a_few_lines_in_a_console(section, seen: Analysis):
    assert not too_long(seen.results[section.name])


@EVERY
def test_it_says_what_adds_it_or_why_it_is_left_out(section, seen: Analysis):
    without = {name: found for name, found in seen.results.items() if name != section.name}
    lines = absent(Report(analysis=Analysis(results=without, about=About(model="tiny"))))
    assert [line.command for line in lines] == ([f"eigenlm analyze tiny {section.adds}"] if section.adds else [])
    failed = Analysis(results=without, left_out={section.name: "too little text"})
    (line,) = absent(Report(analysis=failed))
    assert (line.what, line.reason) == (section.title, "too little text")
    if section.option is not None:
        assert f"--{section.name}" in section.adds


@EVERY
def test_it_imports_no_other_section(section):
    folder = Path(importlib.import_module(home(section)).__file__).parent
    others = {home(other) for other in SECTIONS if other is not section}
    for path in folder.rglob("*.py"):
        nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert not [node.module for node in nodes if node.module and node.module.startswith(tuple(others))]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many numbers each matrix has, and how many sentences were asked about."""

    numbers: dict[str, int]
    asked: int


def counts_table(found: Counts) -> list[Table]:
    table = PlainTable("Numbers of each matrix", ["matrix", "numbers"])
    for name, count in found.numbers.items():
        table.add_row(name, str(count))
    return [table]


TOY = Section[Counts](
    name="counts",
    title="Counts of numbers",
    measure=lambda subject: (
        Counts(
            numbers={
                name.removesuffix(".weight"): p.numel()
                for name, p in subject.running.model.named_parameters()
                if p.ndim > 1
            },
            asked=subject.asked["counts"],
        )
        if "counts" in subject.asked
        else None
    ),
    read=int,
    adds="--counts TIMES",
    terms={"Counting": {"num_numbers": Term("Numbers", "How many numbers there are in this matrix.")}},
    tables=counts_table,
    findings=lambda found, _: [
        Finding(heading="Many numbers", text=f"There are {sum(found.numbers.values())}.", weight=1.0, section="counts")
    ],
    page=lambda found, _: PagePart(
        html=Markup('<section id="counts"><h2 tabindex="-1">Counts</h2>{}</section>').format(found.asked),
        links=(("counts", "Counts"),),
        script="whenLoaded.push(() => (byId('counts').dataset.drawn = data.counts.asked));",
        data={"asked": found.asked},
        rows=found.numbers,
        columns=(Column(key="num_numbers", group="Counts", cell=lambda count: count),),
    ),
)


TOY_OPTION = "counts", Option(help="Count numbers this often.", kind=int, metavar="TIMES")


@pytest.fixture
def with_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WHERE, (*SECTIONS, TOY))
    monkeypatch.setitem(OPTIONS, *TOY_OPTION)


@pytest.mark.usefixtures("with_toy")
def test_one_more_entry_is_measured_and_on_the_page(tiny_model: Path):
    lm = eigenlm.load(tiny_model)
    analysis = analyze(lm, counts=3)
    numbers = {matrix.name: matrix.rows * matrix.columns for matrix in analysis.matrices}
    assert analysis.counts == Counts(numbers=numbers, asked=3)
    assert analysis.to_dict()["counts"] == {"numbers": numbers, "asked": 3}
    report = Report(analysis=analysis)
    data, html = page_data(report), render(report)
    assert data["counts"] == {"asked": 3}
    assert {row["name"]: row["cells"]["num_numbers"] for row in data["matrices"]} == numbers
    assert "How many numbers there are in this matrix." in html
    assert '<a href="#counts" data-section="counts">Counts</a>' in html
    assert "Show the counts" in html
    assert "byId('counts')" in html
    assert analyze(lm).counts is None
    assert list(parts(analyze(lm).results)) == ["spectra"]


@pytest.mark.usefixtures("with_toy")
def test_one_more_entry_is_in_the_terminal_and_on_the_command_line(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    page = tmp_path / "page.html"
    assert main(["analyze", str(tiny_model), "--counts", "2", "--html", str(page)]) == 0
    printed = capsys.readouterr().out
    assert "Numbers of each matrix" in printed
    assert "Many numbers. There are " in printed
    assert 'id="counts"' in page.read_text(encoding="utf-8")
    assert main(["analyze", str(tiny_model), "--counts", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["asked"] == 2
    assert main(["analyze", str(tiny_model), str(tiny_model), "--counts", "2"]) == 2
    assert "expected weights alone, got --counts" in capsys.readouterr().err
    assert main(["analyze", str(tiny_model), "--html", str(page)]) == 0
    assert "--counts TIMES</code> adds this section" in page.read_text(encoding="utf-8")


def test_a_section_that_cannot_be_had_leaves_the_others(monkeypatch: pytest.MonkeyPatch, tiny_model: Path):
    def fails(subject):
        raise DataError("too little of everything")

    failing = Section[Counts](**{**vars(TOY), "measure": fails})
    monkeypatch.setattr(WHERE, (*SECTIONS, failing))
    analysis = analyze(tiny_model)
    assert analysis.left_out == {"counts": "too little of everything"}
    assert analysis.matrices


def test_an_unknown_option_names_the_nearest(tiny_model: Path):
    with pytest.raises(ConfigError, match="expected text, curvature, senses, got 'curvatur'; did you mean 'curvature'"):
        analyze(tiny_model, curvatur=True)
    with pytest.raises(AttributeError, match="curvatur"):
        _ = analyze(tiny_model).curvatur
