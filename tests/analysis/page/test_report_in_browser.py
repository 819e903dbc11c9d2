"""The page as a reader uses it: with mouse and keyboard, in a browser."""

import json
import math
import re
from collections.abc import Callable, Iterator

import pytest
import torch

from eigenlm.analysis import analyze
from eigenlm.analysis.comparison import compare
from eigenlm.analysis.page import Planned, Report, write_report
from eigenlm.section_options import OPTIONS
from tests.analysis.pages import HOSTILE, effect, full_report, tiny_report
from tests.browser import CHROMIUM, Browser, Page
from tests.contracts.test_sections import SECTIONS, TOY, TOY_OPTION, WHERE

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

NAMES = "[...document.querySelectorAll('#matrices tbody tr')].map((row) => row.dataset.name)"
COLUMNS = "[...document.querySelectorAll('#matrices thead th')].map((head) => head.dataset.key)"
SCROLLING = """[...document.querySelectorAll('main *')].filter((one) =>
  one.scrollWidth > one.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(one).overflowX))"""
REACHABLE = """'a[href], button, input, [tabindex="0"]'"""
UNREACHED = f"""{SCROLLING}.filter((one) => !one.matches({REACHABLE}) && !one.querySelector({REACHABLE}))
  .map((one) => one.outerHTML.slice(0, 99))"""
CURRENT = "[...document.querySelectorAll('#matrices tr[aria-current]')].map((row) => row.dataset.name)"
DRAWN = "[...document.querySelectorAll('.js-plotly-plot')].map((chart) => chart.id)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def opened(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Page]:
    """Writes a report, opens it, waits until all is drawn."""

    def opens(report: Report, **size: int) -> Page:
        place = tmp_path_factory.mktemp("page") / "page.html"
        write_report(report, place)
        page = browser.open(place, **size)
        page.wait("document.documentElement.classList.contains('drawn')")
        return page

    return opens


@pytest.fixture(scope="module")
def once(opened: Callable[..., Page]) -> tuple[Report, Page]:
    report = full_report()
    return report, opened(report)


@pytest.fixture
def full(once: tuple[Report, Page]) -> Iterator[tuple[Report, Page]]:
    """One report with all that a plan adds, on one page that each test finds as it was when it was opened."""
    report, page = once
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0), location.hash = ''")
    page.settle()
    yield report, page
    assert_quiet(page)


@pytest.fixture
def open_page(opened: Callable[..., Page]) -> Iterator[Callable[..., Page]]:
    """A page of one's own."""
    pages: list[Page] = []

    def opens(report: Report, **size: int) -> Page:
        pages.append(opened(report, **size))
        return pages[-1]

    yield opens
    for page in pages:
        assert_quiet(page)
        page.send("Page.close")


def assert_quiet(page: Page) -> None:
    """No complaint on the console, and nothing asked for but the file and the pictures inside it."""
    page.settle()
    assert page.errors == []
    assert page.requests[0].startswith("file:")
    assert [request for request in page.requests[1:] if not request.startswith("data:")] == []


def text(page: Page, selector: str) -> str:
    return page.evaluate(f"document.querySelector({json.dumps(selector)}).textContent.trim()")


def test_headings_sort_and_the_filter_compares_and_searches(full):
    report, page = full
    names = [matrix.name for matrix in report.analysis.matrices]
    assert page.evaluate(NAMES) == names
    ascending = [matrix.name for matrix in sorted(report.analysis.matrices, key=lambda matrix: matrix.stable_rank)]
    head = "#matrices th[data-key=stable_rank]"
    for order, told in ((ascending[::-1], "descending"), (ascending, "ascending"), (names, None)):
        page.click(f"{head} button")
        assert page.evaluate(NAMES) == order
        assert page.evaluate(f"document.querySelector('{head}').getAttribute('aria-sort')") == told
        assert page.evaluate("document.activeElement.dataset.term") == "stable_rank"
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
    for told, why in (
        ("stable_rank>", "lacks a value after it"),
        ("stable_rank>3x", "3x is not a number"),
        (">3", "lacks the name of a column before it"),
        ("matrix>3", "matrix is a text"),
    ):
        page.press("Escape")
        page.write(told)
        assert why in text(page, "#count")
        assert page.evaluate(NAMES) == names
        assert page.evaluate("document.querySelector('#filter').getAttribute('aria-invalid')") == "true"
    page.press("Escape")
    assert page.evaluate("document.querySelector('#filter').getAttribute('aria-invalid')") == "false"


def test_columns_come_in_groups_and_a_sorted_or_compared_one_stays(full):
    _, page = full
    assert "num_spikes" not in page.evaluate(COLUMNS)
    page.click("#matrices th[data-key=stable_rank] button")
    page.click("#groups button[value=Noise]")
    assert {"num_spikes", "stable_rank"} <= set(page.evaluate(COLUMNS))
    assert "rank_90" not in page.evaluate(COLUMNS)
    page.press("/")
    page.write("rank_90>2")
    assert "rank_90" in page.evaluate(COLUMNS)


def test_rows_are_walked_and_selected_by_keyboard(full):
    report, page = full
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


def test_a_finding_selects_the_matrix_that_shows_it(full):
    _, page = full
    wanted = page.evaluate("[...document.querySelectorAll('.findings a[data-matrix]')].pop().dataset.matrix")
    page.evaluate("document.querySelectorAll('#findings details').forEach((one) => (one.open = true))")
    page.evaluate("[...document.querySelectorAll('.findings a[data-matrix]')].pop().focus()")
    page.press("Enter")
    assert text(page, "#matrix-name") == wanted


def test_the_slider_tells_what_a_rank_keeps_and_costs(full):
    report, page = full
    matrix = report.analysis["blocks.1.feed_forward.up"]
    page.evaluate(f"location.hash = 'matrix={matrix.name}'")
    page.wait(f"document.querySelector('#matrix-name').textContent === '{matrix.name}'")
    page.evaluate("document.querySelector('#rank-slider').focus()")
    page.press("Home")
    page.press("ArrowRight", times=4)
    energy = matrix.singular_values.square()
    kept = float(energy[:5].sum() / energy.sum())
    told = {key: float(text(page, f"#rank-{key}").rstrip("%")) / 100 for key in ("energy", "error")}
    assert told == pytest.approx({"energy": kept, "error": (1 - kept) ** 0.5}, abs=1e-3)  # told to a tenth of a percent
    assert text(page, "#rank-params") == f"{5 * (42 - 5)} ({5 * (42 - 5) / 360:.1%} of 360)"
    assert page.evaluate("document.querySelector('#energy-chart').layout.shapes.at(-1).x0") == 5
    page.press("End")
    assert (text(page, "#rank-energy"), text(page, "#rank-params")) == ("100.0%", "360 (100.0% of 360)")


def test_numbers_of_one_quantity_agree_wherever_they_stand(full):
    """What the sentence, the slider, the marks over the chart and the table say of each matrix and of its plan."""
    report, page = full
    page.evaluate("setState({ group: 'Plan' })")
    plans = {one.name: one for one in report.plan}
    for matrix in report.analysis.matrices:
        page.evaluate(f"setState({{ matrix: {json.dumps(matrix.name)} }})")
        row = f"#matrices tr[data-name='{matrix.name}'] td"
        sentence = text(page, "#matrix-sentence")
        marks = dict(page.evaluate("byId('energy-chart').layout.annotations.map((mark) => [mark.text, mark.x])"))
        told = {"90%": {re.search(r"(\d+) of \d+ directions hold 90%", sentence)[1], str(marks["90%"])}}
        told["99%"] = {re.search(r"(\d+) hold 99%", sentence)[1], str(marks["99%"])}
        if matrix.name in plans and plans[matrix.name].rank:
            label = text(page, f"{row}:nth-child(2)").removeprefix("rank ")
            ranks = {re.search(r"keeps rank (\d+)", sentence)[1], str(marks["plan"]), label}
            told["rank"] = ranks | {page.evaluate("byId('rank-slider').value")}
        elif matrix.name in plans:
            assert sentence.endswith("The plan leaves it as it is.")
        assert {name: len(values) for name, values in told.items()} == dict.fromkeys(told, 1), told


def test_words_are_explained_on_hover_and_on_focus(full):
    _, page = full
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


def test_everything_is_reached_by_tab_and_charts_zoom_by_buttons(full):
    _, page = full
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


def test_the_map_is_walked_with_arrows_and_coloured_by_what_is_chosen(full):
    _, page = full
    page.evaluate("document.querySelector('#map button[tabindex=\"0\"]').focus()")
    page.click("#map tbody tr:nth-child(2) td:nth-child(2) button")
    page.press("ArrowRight")
    page.press("Enter")
    assert text(page, "#matrix-name") == "blocks.1.feed_forward.up"
    page.click("#measures button[value=rank_99]")
    assert "rank 99%" in page.evaluate(
        "document.activeElement.ariaPressed && document.querySelector('#map-readout').textContent"
    )


def test_a_comparison_is_mapped_sorted_and_told(browser, tmp_path):
    generator = torch.Generator().manual_seed(0)
    before = {f"blocks.{i}.up.weight": torch.randn(12, 8, generator=generator) for i in range(4)}
    after = {name: W + 0.1 * i * torch.ones(12, 8) for i, (name, W) in enumerate(before.items())}
    compare(before, after).report(tmp_path / "page.html")
    page = browser.open(tmp_path / "page.html")
    page.click("#matrices th[data-key=rel_change] button")
    assert page.evaluate(NAMES) == [f"blocks.{i}.up" for i in (3, 2, 1, 0)]
    page.click("#matrices tbody tr:nth-child(2) button")
    assert text(page, "#matrix-name") == "blocks.2.up"
    assert text(page, "#matrix-figures dd") == text(page, "#matrices tr[data-name='blocks.2.up'] td")
    page.click("#map td:nth-child(2) button")
    assert text(page, "#matrix-name") == "blocks.0.up"
    assert_quiet(page)
    page.send("Page.close")


def test_a_phone_shows_all_without_scrolling_sideways(open_page):
    page = open_page(full_report(), width=390, height=800)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('#sigma-chart .main-svg').getBoundingClientRect().width") <= 390


@pytest.mark.parametrize("of", ["a plan", "a text"])
def test_whatever_scrolls_is_reached_by_keyboard(open_page, seen, of):
    page = open_page(full_report() if of == "a plan" else tiny_report(analysis=seen), width=390)
    assert page.evaluate(f"{SCROLLING}.length") > 0
    assert page.evaluate(UNREACHED) == []


def test_hostile_names_run_nothing_and_flat_or_empty_spectra_are_drawn(open_page):
    hostile = analyze({f"blocks.0.{HOSTILE}": torch.zeros(3, 3), f"blocks.1.{HOSTILE}": torch.eye(3)})
    plan = tuple(Planned(name=matrix.name, label=HOSTILE, bits_before=32.0, bits=4.0) for matrix in hostile.matrices)
    page = open_page(tiny_report(analysis=hostile, plan=plan, before_after=effect()))
    for row in (1, 2):
        page.click(f"#matrices tbody tr:nth-child({row}) button")
        assert page.evaluate("document.querySelectorAll('img').length") == 0
        assert {"sigma-chart", "energy-chart", "plan-chart", "effect-chart"} <= set(page.evaluate(DRAWN))
    assert page.evaluate("document.title").startswith("tiny")


@pytest.mark.parametrize("names", [("zero",), ("zero", "row", "bad")])
def test_odd_analyses_open(open_page, names):
    weights = {"zero": torch.zeros(3, 2), "row": torch.ones(1, 4), "bad": torch.full((2, 2), torch.nan)}
    page = open_page(tiny_report(analysis=analyze({name: weights[name] for name in names})))
    for name in ("zero", "row"):
        if name in names:
            page.click(f"#matrices tr[data-name={name}] button")
            assert text(page, "#matrix-name") == name
    assert page.evaluate(NAMES) == [name for name in names if name != "bad"]


def test_every_section_is_drawn_and_heads_are_walked(open_page, seen):
    page = open_page(tiny_report(analysis=seen))
    charts = {
        "lens",
        "agreement",
        "norm",
        "dimension",
        "pca",
        "cka",
        "extremes",
        "curvature-density",
        "gain",
        "gradient",
    }
    charts |= {"blocks", "separation", "accuracy", "isotropy", "rankme"}
    hidden = set(page.evaluate("[...document.querySelectorAll('figure[hidden] .chart')].map((chart) => chart.id)"))
    drawn = set(page.evaluate(DRAWN))
    assert {f"{chart}-chart" for chart in charts} - hidden <= drawn
    assert "tail-chart" in drawn | hidden
    lens = page.evaluate("document.querySelector('#lens-chart').data[0].y")
    assert lens == pytest.approx([layer.lens.nll for layer in seen.activations.layers])
    page.click("#head-measures button[value=previous_token]")
    heads = {(head.layer, head.head): head for head in seen.activations.heads}
    page.evaluate("document.querySelector('#heads button').focus()")
    page.press("ArrowDown")
    page.press("ArrowRight")
    label = page.evaluate("document.activeElement.ariaLabel")
    assert label == f"layer 1, head 1: {heads[1, 1].previous_token:.1%}"
    assert f"{heads[1, 1].first_token:.1%} on the first token" in text(page, "#head-readout")


def test_tails_and_noise_of_the_selected_matrix_are_drawn(open_page):
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(60, 80, generator=generator)
    report = tiny_report(analysis=analyze({"noisy": noisy, "spiked": noisy + 3 * torch.ones(60, 80)}))
    page = open_page(report)
    for name in ("noisy", "spiked"):
        matrix = report.analysis[name]
        page.click(f"#matrices tr[data-name={name}] button")
        heights = page.evaluate("document.querySelector('#sigma-chart').layout.shapes.map((shape) => shape.y0)")
        assert matrix.noise.null_spectral_norm in heights
        assert matrix.noise.sigma_plus in heights
        assert {"tail-chart", "density-chart"} <= set(page.evaluate(DRAWN))
        fitted = page.evaluate("document.querySelector('#tail-chart').data[1]")
        assert fitted["x"][0] == pytest.approx(matrix.tail.xmin, rel=1e-3)  # written with four digits
        slope = math.log(fitted["y"][-1] / fitted["y"][0]) / math.log(fitted["x"][-1] / fitted["x"][0])
        assert slope == pytest.approx(1 - matrix.tail.alpha, rel=1e-2)  # likewise
        assert matrix.tail.verdict in text(page, "#tail-sentence")


def test_a_section_that_is_added_is_drawn_and_in_the_table(open_page, tiny_model, monkeypatch):
    monkeypatch.setattr(WHERE, (*SECTIONS, TOY))
    monkeypatch.setitem(OPTIONS, *TOY_OPTION)
    page = open_page(tiny_report(analysis=analyze(tiny_model, counts=3)))
    assert page.evaluate("byId('counts').dataset.drawn") == "3"
    page.evaluate("setState({ group: 'Counts' })")
    assert page.evaluate(COLUMNS) == ["name", "num_numbers"]
