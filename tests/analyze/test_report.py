import base64
import gzip
import json
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
import torch
from plotly.offline import get_plotlyjs

from eigenlm.analyze import analyze
from eigenlm.analyze.report import BeforeAfter, Interval, Measured, PlannedRank, Report, page_data, render, write_report
from eigenlm.errors import DataError
from eigenlm.linalg import energy_curve

HOSTILE = '</script><img src=x onerror="document.title=1">'
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page(HTMLParser):
    """What a browser would find: every element with its attributes, the texts of scripts, the rows of the table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self._script = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._script = dict(attrs).get("id", "own") if tag == "script" else None

    def handle_endtag(self, tag):
        self._script = None

    def handle_data(self, text):
        if self._script:
            self.scripts[self._script] = self.scripts.get(self._script, "") + text

    def rows(self) -> list[str]:
        return [attrs["data-name"] for tag, attrs in self.elements if tag == "tr" and "data-name" in attrs]


def tiny_report(**changes) -> Report:
    generator = torch.Generator().manual_seed(0)
    weights = {"embedding.weight": torch.randn(50, 12, generator=generator)}
    for layer in range(3):
        weights[f"blocks.{layer}.attention.query.weight"] = torch.randn(12, 12, generator=generator)
        weights[f"blocks.{layer}.feed_forward.up.weight"] = torch.randn(30, 12, generator=generator) * (layer + 1)
    return Report(
        **{"title": "tiny", "analysis": analyze(weights), "facts": {"Layers": "3"}, "model": "tiny"} | changes
    )


def effect(**changes) -> BeforeAfter:
    before = Measured(nll=3.0, num_params=1000, num_bytes=4000, tokens_per_second=10.0, answer="Paris.")
    after = Measured(nll=3.1, num_params=900, num_bytes=3600, tokens_per_second=11.0, answer=f"Paris. {HOSTILE}")
    given = {"text": "some text", "before": before, "after": after, "question": f"Capital? {HOSTILE}"}
    interval = Interval(value=0.1, low=0.08, high=0.12)
    return BeforeAfter(
        **given | {"nll_increase": interval, "forecast": Interval(value=0.09, low=0.07, high=0.11)} | changes
    )


def planned(report: Report) -> tuple[PlannedRank, ...]:
    kept = [
        (matrix, None if i % 2 else 5) for i, matrix in enumerate(report.analysis.matrices) if "blocks" in matrix.name
    ]
    return tuple(
        PlannedRank(
            name=m.name, rank=rank, num_params=m.rows * m.columns if rank is None else rank * (m.rows + m.columns)
        )
        for m, rank in kept
    )


def full_report() -> Report:
    report = tiny_report()
    return tiny_report(analysis=report.analysis, plan=planned(report), before_after=effect())


def test_the_page_asks_the_network_for_nothing():
    page = Page(render(full_report()))
    assert not [tag for tag, _ in page.elements if tag in ("iframe", "object", "embed", "base")]
    links = [
        attrs.get(key) for _, attrs in page.elements for key in ("src", "href", "srcset", "action") if key in attrs
    ]
    assert links
    assert all(link.startswith(("#", "data:,")) for link in links)
    own = render(full_report()).replace(page.scripts["plotly"], "")
    assert not re.search(r"https?://|//cdn|@import|url\(|fetch\(|XMLHttpRequest|WebSocket", own)


def test_plotly_travels_inside():
    packed = Page(render(tiny_report())).scripts["plotly"]
    assert gzip.decompress(base64.b64decode(packed)).decode() == get_plotlyjs()


def test_the_page_holds_the_numbers_of_the_analysis():
    report = full_report()
    page = Page(render(report))
    data = json.loads(page.scripts["data"])
    assert data == page_data(report)
    assert page.rows() == [matrix.name for matrix in report.analysis.matrices]
    for shown, matrix in zip(data["matrices"], report.analysis.matrices):
        assert matrix.to_dict(singular_values=False).items() <= shown.items()
        torch.testing.assert_close(
            torch.tensor(shown["spectrum"]["sigma"], dtype=torch.float64),
            matrix.singular_values,
            rtol=1e-5,  # written with six digits
            atol=0,
        )
    assert [row["plan"] and row["plan"]["rank"] for row in data["matrices"]] == [None, None, 5, None, 5, None, 5]


def test_the_three_lines_of_python_return_the_same_numbers(tiny_model):
    report = tiny_report(analysis=analyze(tiny_model), model=str(tiny_model))
    html = render(report)
    lines = unescape(
        re.sub("<[^>]*>", "", re.search(r'<code id="python">(.*?)</code>', html, re.DOTALL)[1])
    ).splitlines()
    names: dict = {}
    exec("\n".join(lines[:-1]), names)
    first = page_data(report)["matrices"][0]["spectrum"]
    torch.testing.assert_close(
        eval(lines[-1], names), torch.tensor(first["sigma"]).double(), rtol=1e-5, atol=0
    )  # six digits


def test_long_spectra_are_thinned_but_exact_where_drawn():
    S = torch.linspace(2, 1, 1200, dtype=torch.float64)
    report = tiny_report(analysis=analyze({"w": torch.diag(S)}))
    (drawn,) = [matrix["spectrum"] for matrix in page_data(report)["matrices"]]
    rank = torch.tensor(drawn["rank"])
    assert len(rank) <= 1024
    assert (rank[0], rank[-1]) == (1, 1200)
    torch.testing.assert_close(torch.tensor(drawn["sigma"]).double(), S[rank - 1], rtol=1e-5, atol=0)  # six digits
    torch.testing.assert_close(torch.tensor(drawn["energy"]).double(), energy_curve(S)[rank - 1], rtol=1e-4, atol=0)


@pytest.mark.parametrize("field", ["title", "model"])
def test_hostile_texts_stay_texts(field):
    report = tiny_report(
        analysis=analyze(
            {HOSTILE: torch.eye(3), "blocks.0.query": torch.eye(4), "bad" + HOSTILE: torch.full((2, 2), torch.nan)}
        ),
        facts={HOSTILE: HOSTILE},
        before_after=effect(),
        plan=(PlannedRank(name=HOSTILE, rank=2, num_params=12),),
        **{field: HOSTILE},
    )
    page = Page(render(report))
    assert "img" not in {tag for tag, _ in page.elements}
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)
    assert json.loads(page.scripts["data"])["matrices"][0]["name"] == HOSTILE
    assert HOSTILE in page.rows()


def test_a_measurement_outside_its_forecast_is_told():
    assert "lies outside that interval" in " ".join(
        render(tiny_report(before_after=effect(forecast=Interval(value=0.01, low=0.0, high=0.02)))).split()
    )
    assert "lies inside that interval" in " ".join(render(tiny_report(before_after=effect())).split())
    assert "forecast had been" not in render(tiny_report(before_after=effect(forecast=None)))


def test_odd_analyses_still_make_a_page():
    weights = {"zero": torch.zeros(3, 2), "row": torch.ones(1, 4), "bad": torch.full((2, 2), torch.nan)}
    for names in ((), ("zero",), ("row",), ("bad",), ("zero", "row", "bad")):
        page = Page(render(tiny_report(analysis=analyze({name: weights[name] for name in names}))))
        assert page.rows() == [name for name in names if name != "bad"]


def test_the_page_is_small_and_written_whole(tmp_path):
    write_report(full_report(), tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 3e6  # all but 60 kB of it is Plotly
    (tmp_path / "file").touch()
    with pytest.raises(DataError):
        write_report(full_report(), tmp_path / "file" / "page.html")


def in_browser(path: Path, state: str) -> Page:
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    ]
    command += [
        f"--user-data-dir={path.parent / 'profile'}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        f"{path.as_uri()}#{state}",
    ]
    return Page(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_draws_sorts_filters_and_selects(tmp_path):
    report = full_report()
    write_report(report, tmp_path / "page.html")
    page = in_browser(tmp_path / "page.html", "sort=-stable_rank&filter=up&matrix=blocks.1.feed_forward.up")
    expected = sorted(report.analysis.matrices, key=lambda matrix: -matrix.stable_rank)
    assert page.rows() == [matrix.name for matrix in expected]
    rows = [attrs for tag, attrs in page.elements if tag == "tr" and "data-name" in attrs]
    assert {attrs["data-name"] for attrs in rows if "hidden" not in attrs} == {
        f"blocks.{i}.feed_forward.up" for i in range(3)
    }
    assert [attrs["data-name"] for attrs in rows if attrs.get("aria-selected") == "true"] == [
        "blocks.1.feed_forward.up"
    ]
    assert [attrs for tag, attrs in page.elements if tag == "th" and attrs.get("aria-sort") == "descending"]
    cells = [attrs for tag, attrs in page.elements if attrs.get("class") == "cell"]
    assert len(cells) == len(report.analysis.matrices)
    charts = {"sigma-chart", "energy-chart", "plan-chart", "effect-chart"}
    assert {attrs["id"] for _, attrs in page.elements if "js-plotly-plot" in (attrs.get("class") or "")} == charts
    assert [attrs for tag, attrs in page.elements if attrs.get("id") == "no-charts" and "hidden" in attrs]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_hostile_names_run_nothing_and_flat_or_empty_spectra_are_drawn(tmp_path):
    hostile = analyze({f"blocks.0.{HOSTILE}": torch.zeros(3, 3), f"blocks.1.{HOSTILE}": torch.eye(3)})
    plan = tuple(PlannedRank(name=matrix.name, rank=1, num_params=6) for matrix in hostile.matrices)
    write_report(tiny_report(analysis=hostile, plan=plan, before_after=effect()), tmp_path / "page.html")
    page = in_browser(tmp_path / "page.html", "")
    flat = in_browser(tmp_path / "page.html", f"matrix={quote('blocks.1.' + HOSTILE)}")
    assert [attrs["data-name"] for tag, attrs in flat.elements if attrs.get("aria-selected") == "true"] == [
        "blocks.1." + HOSTILE
    ]
    assert "img" not in {tag for tag, _ in page.elements}
    for drawn in (page, flat):
        assert sum("js-plotly-plot" in (attrs.get("class") or "") for _, attrs in drawn.elements) == 4
