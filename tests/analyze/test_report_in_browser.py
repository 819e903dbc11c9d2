"""The page as a reader uses it: with mouse and keyboard, in a browser."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from eigenlm.analyze import analyze
from eigenlm.analyze.report import PlannedRank, Report, write_report
from tests.analyze.pages import HOSTILE, effect, full_report, tiny_report
from tests.browser import CHROMIUM, Browser, Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

NAMES = "[...document.querySelectorAll('#matrices tbody tr')].map((row) => row.dataset.name)"
COLUMNS = "[...document.querySelectorAll('#matrices thead th')].map((head) => head.dataset.key)"
CURRENT = "[...document.querySelectorAll('#matrices tr[aria-current]')].map((row) => row.dataset.name)"
DRAWN = "[...document.querySelectorAll('.js-plotly-plot')].map((chart) => chart.id)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Writes a report, opens it, waits until all is drawn; afterwards it may not have complained or fetched a thing."""
    opened: list[Page] = []

    def opens(report: Report, **size: int) -> Page:
        write_report(report, tmp_path / "page.html")
        opened.append(browser.open(tmp_path / "page.html", **size))
        opened[-1].wait("document.documentElement.classList.contains('drawn')")
        return opened[-1]

    yield opens
    for page in opened:
        page.settle()
        assert page.errors == []
        assert [request for request in page.requests if not request.startswith(("file:", "data:,"))] == []
        page.send("Page.close")


def text(page: Page, selector: str) -> str:
    return page.evaluate(f"document.querySelector({json.dumps(selector)}).textContent.trim()")


def test_headings_sort_and_the_filter_compares_and_searches(open_page):
    report = full_report()
    page = open_page(report)
    names = [matrix.name for matrix in report.analysis.matrices]
    assert page.evaluate(NAMES) == names
    ascending = [matrix.name for matrix in sorted(report.analysis.matrices, key=lambda matrix: matrix.stable_rank)]
    head = "#matrices th[data-key=stable_rank]"
    for order, told in ((ascending, "ascending"), (ascending[::-1], "descending"), (names, None)):
        page.click(f"{head} button")
        assert page.evaluate(NAMES) == order
        assert page.evaluate(f"document.querySelector('{head}').getAttribute('aria-sort')") == told
    bound = sorted(matrix.spectral_norm for matrix in report.analysis.matrices)[3]
    page.press("/")
    page.write(f"UP σ₁>={bound}")
    kept = [matrix.name for matrix in report.analysis.matrices if "up" in matrix.name and matrix.spectral_norm >= bound]
    assert page.evaluate(NAMES) == kept
    assert text(page, "#count") == f"{len(kept)} of 7 matrices"
    page.press("Escape")
    page.write("nonsense>3")
    assert page.evaluate(NAMES) == names
    assert "no column is called nonsense" in text(page, "#count")


def test_columns_come_in_groups_and_a_sorted_or_compared_one_stays(open_page):
    page = open_page(full_report())
    assert "num_spikes" not in page.evaluate(COLUMNS)
    page.click("#matrices th[data-key=stable_rank] button")
    page.click("#groups button[value=Noise]")
    assert {"num_spikes", "stable_rank"} <= set(page.evaluate(COLUMNS))
    assert "rank_90" not in page.evaluate(COLUMNS)
    page.press("/")
    page.write("rank_90>2")
    assert "rank_90" in page.evaluate(COLUMNS)


def test_rows_are_walked_and_selected_by_keyboard(open_page):
    report = full_report()
    page = open_page(report)
    names = [matrix.name for matrix in report.analysis.matrices]
    page.press("/")
    page.press("ArrowDown")
    page.press("ArrowDown", times=3)
    assert page.evaluate("document.activeElement.textContent") == names[3]
    page.press("Enter")
    assert page.evaluate(CURRENT) == [names[3]]
    assert text(page, "#matrix-name") == names[3]
    assert page.evaluate("document.activeElement.id") == "matrix-title"
    assert json.dumps(names[3]) in text(page, "#python")
    page.click("#back")
    assert page.evaluate("document.activeElement.textContent") == names[3]
    page.press("End")
    assert page.evaluate("document.activeElement.textContent") == names[-1]


def test_a_finding_selects_the_matrix_that_shows_it(open_page):
    page = open_page(full_report())
    wanted = page.evaluate("[...document.querySelectorAll('.findings a[data-matrix]')].pop().dataset.matrix")
    page.evaluate("[...document.querySelectorAll('.findings a[data-matrix]')].pop().focus()")
    page.press("Enter")
    assert text(page, "#matrix-name") == wanted


def test_the_slider_tells_what_a_rank_keeps_and_costs(open_page):
    report = tiny_report()
    matrix = report.analysis["blocks.1.feed_forward.up"]
    page = open_page(report)
    page.evaluate(f"location.hash = 'matrix={matrix.name}'")
    page.wait(f"document.querySelector('#matrix-name').textContent === '{matrix.name}'")
    page.evaluate("document.querySelector('#rank-slider').focus()")
    page.press("Home")
    page.press("ArrowRight", times=4)
    energy = matrix.singular_values.square()
    kept = float(energy[:5].sum() / energy.sum())
    told = {key: float(text(page, f"#rank-{key}").rstrip("%")) / 100 for key in ("energy", "error")}
    assert told == pytest.approx({"energy": kept, "error": (1 - kept) ** 0.5}, abs=1e-3)  # told to a tenth of a percent
    assert text(page, "#rank-params") == f"{5 * 42} ({5 * 42 / 360:.1%} of 360)"
    assert text(page, "#rank-even").startswith("yes: two factors are smaller up to rank 8")
    assert page.evaluate("document.querySelector('#energy-chart').layout.shapes.at(-1).x0") == 5
    page.press("End")
    assert (text(page, "#rank-energy"), text(page, "#rank-even")[:3]) == ("100.0%", "no:")


def test_words_are_explained_on_hover_and_on_focus(open_page):
    page = open_page(full_report())
    hidden = "document.querySelector('#tip').hidden"
    assert page.evaluate(hidden)
    page.point("#matrices th[data-key=stable_rank] button")
    page.wait(f"!{hidden}")
    assert "when one direction dominates" in text(page, "#tip")
    page.press("Escape")
    assert page.evaluate(hidden)
    page.evaluate("document.querySelector('#matrix [data-term=energy]').focus()")
    assert "strongest directions" in text(page, "#tip")
    described = "document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent"
    assert "strongest directions" in page.evaluate(described)


def test_everything_is_reached_by_tab_and_charts_zoom_by_buttons(open_page):
    page = open_page(full_report())
    seen = set()
    for _ in range(90):
        page.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.closest('[id]')?.id"))
    assert {"findings", "map", "measures", "next", "log-ranks", "rank-slider", "groups", "filter", "matrices"} <= seen
    end = "document.querySelector('#sigma-chart').layout.xaxis.range[1]"
    before = page.evaluate(end)
    page.click("#zoom-in")
    assert page.evaluate(end) < before
    page.click("#log-ranks")
    assert page.evaluate("document.querySelector('#sigma-chart').layout.xaxis.type") == "log"


def test_the_map_is_walked_with_arrows_and_coloured_by_what_is_chosen(open_page):
    page = open_page(full_report())
    page.evaluate("document.querySelector('#map button[tabindex=\"0\"]').focus()")
    page.click("#map tbody tr:nth-child(2) td:nth-child(2) button")
    page.press("ArrowRight")
    page.press("Enter")
    assert text(page, "#matrix-name") == "blocks.1.feed_forward.up"
    page.click("#measures button[value=rank_99]")
    assert "rank 99%" in page.evaluate(
        "document.activeElement.ariaPressed && document.querySelector('#map-readout').textContent"
    )


def test_a_phone_shows_all_without_scrolling_sideways(open_page):
    page = open_page(full_report(), width=390, height=800)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('#sigma-chart .main-svg').getBoundingClientRect().width") <= 390


def test_hostile_names_run_nothing_and_flat_or_empty_spectra_are_drawn(open_page):
    hostile = analyze({f"blocks.0.{HOSTILE}": torch.zeros(3, 3), f"blocks.1.{HOSTILE}": torch.eye(3)})
    plan = tuple(PlannedRank(name=matrix.name, rank=1, num_params=6) for matrix in hostile.matrices)
    page = open_page(tiny_report(analysis=hostile, plan=plan, before_after=effect()))
    for row in (1, 2):
        page.click(f"#matrices tbody tr:nth-child({row}) button")
        assert page.evaluate("document.querySelectorAll('img').length") == 0
        assert {"sigma-chart", "energy-chart", "plan-chart", "effect-chart"} <= set(page.evaluate(DRAWN))
    assert page.evaluate("document.title").startswith("tiny")


@pytest.mark.parametrize("names", [(), ("zero",), ("row",), ("bad",), ("zero", "row", "bad")])
def test_odd_analyses_open(open_page, names):
    weights = {"zero": torch.zeros(3, 2), "row": torch.ones(1, 4), "bad": torch.full((2, 2), torch.nan)}
    page = open_page(tiny_report(analysis=analyze({name: weights[name] for name in names})))
    assert page.evaluate(NAMES) == [name for name in names if name != "bad"]
