"""The map as a reader uses it: with mouse and keyboard, in a browser."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.expression import parse
from eigenlm.vectors.map import map_of, write_map
from eigenlm.vectors.map.contextual import Contextual
from eigenlm.vectors.map.layout import flat
from eigenlm.vectors.map.packing import pack_places
from eigenlm.vectors.word_vectors import WordVectors
from tests.browser import CHROMIUM, Browser, Page
from tests.vectors.map.spaces import HOSTILE, royal

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

LISTS = """[...document.querySelectorAll('SELECTOR .ranked')].map((list) => [...list.children].map((line) => {
  const [word, cosine] = ['.word', '.cosine'].map((name) => line.querySelector(name).textContent);
  return [word, Number(cosine.replace(/[^0-9.]/, '-'))];
}))"""
MINUS = "\N{MINUS SIGN}"
SENTENCES = "[...document.querySelectorAll('#contextual-sentences th')].map((one) => one.textContent)"
ROUNDING = 0.01  # of a cosine: 8 bits a number, and three digits that are written


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def space() -> WordVectors:
    return royal()


@pytest.fixture(scope="module")
def file(space: WordVectors, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "map.html"
    points = torch.tensor([[1.0, 0.5], [-1.0, 0.2]])
    texts = ("he sat on the bank", f"the bank {HOSTILE} lent it")
    write_map(map_of(space), path, Contextual(word="king", sentences=texts, places=points, told="As given."))
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    opened = browser.open(file)
    opened.wait("document.documentElement.classList.contains('drawn')")
    yield opened
    opened.settle()
    assert opened.errors == []
    assert opened.requests[0].startswith("file:")
    assert [request for request in opened.requests[1:] if not request.startswith("data:")] == []
    assert opened.evaluate("document.title") == "royal.txt: a map of its words"
    opened.send("Page.close")


def answers(page: Page, selector: str = "#answers") -> list[list[tuple[str, float]]]:
    return [[tuple(one) for one in found] for found in page.evaluate(LISTS.replace("SELECTOR", selector))]


def same(
    found: list[tuple[str, float]], space: WordVectors, query: torch.Tensor, without: tuple[str, ...] = ()
) -> None:
    """Every answer has the cosine that it has in float64, and none that was left out is nearer than the last."""
    cosines = dict(zip(space.words, (unit_rows(space.vectors.double()) @ unit_rows(query.double())).tolist()))
    shown = {word.replace("\ufffdevil", "\u202eevil"): cosine for word, cosine in found}
    assert len(shown) == 10
    assert not set(without) & set(shown)
    assert all(abs(cosines[word] - cosine) < ROUNDING for word, cosine in shown.items())
    others = [cosine for word, cosine in cosines.items() if word not in shown and word not in without]
    assert max(others) < min(shown.values()) + ROUNDING


def test_a_word_is_found_by_its_beginning_and_its_neighbours_are_listed(page: Page, space: WordVectors) -> None:
    page.press("/")
    page.write("que")
    shown = page.evaluate("[...document.querySelectorAll('#completions li')].map((one) => one.textContent)")
    assert shown == ["queen", "queens"]
    page.press("ArrowDown")
    page.press("Enter")
    assert page.evaluate("document.getElementById('ask').value") == "queen"
    (found,) = answers(page)
    same(found, space, space["queen"], ("queen",))
    assert "ask=queen" in page.evaluate("location.hash")


def test_near_spellings_are_offered_for_a_word_that_is_not_there(page: Page) -> None:
    page.press("/")
    page.write("quene")
    page.press("Enter")
    said = page.evaluate("document.querySelector('#answers .notice').textContent")
    assert "“quene” is not among these words" in said
    page.click("#answers .notice .word")
    assert page.evaluate("document.getElementById('ask').value") == "queen"


def test_a_sum_is_answered_both_ways_and_drawn_as_arrows(page: Page, space: WordVectors) -> None:
    page.press("/")
    page.write("king - man + woman")
    page.press("Enter")
    out, honest = answers(page)
    query = space.sum_of(parse("king - man + woman"))
    assert out[0][0] == "queen"
    same(out, space, query, ("king", "man", "woman"))
    same(honest, space, query)
    way = page.evaluate("wayOf(shownNow.terms, data.layouts[0].origin)")
    assert [step["text"] for step in way] == [f"{MINUS} man", "+ woman"]
    units = unit_rows(space.vectors)
    (landing,), _ = flat(units, of=query.unsqueeze(0))
    _, middle, scale = pack_places(flat(units)[0])
    expected = (landing.double() - torch.tensor(middle)) / scale
    assert way[-1]["to"] == pytest.approx(expected.tolist(), abs=4)  # half a step for each word, and float32


SUMS = ["well-known + 0.5*king", "-king - queen", f"king {MINUS} man", "king - ", "+", "king +woman"]


@pytest.mark.parametrize("expression", SUMS)
def test_sums_are_read_as_the_command_line_reads_them(page: Page, expression: str) -> None:
    try:
        expected = [[term.word, term.weight] for term in parse(expression)]
    except DataError:
        expected = None
    told = f"parseSum({json.dumps(expression)})"
    assert page.evaluate(f"{told} && {told}.map(({{ word, weight }}) => [word, weight])") == expected


def test_the_picture_moves_and_zooms_by_keyboard_and_mouse(page: Page) -> None:
    before = page.evaluate("({ ...camera })")
    page.evaluate("picture.focus()")
    page.press("ArrowRight", times=2)
    page.press("+")
    after = page.evaluate("({ ...camera })")
    assert after["x"] == pytest.approx(before["x"] + 120 / before["scale"])
    assert after["scale"] == pytest.approx(1.25 * before["scale"])
    place = page.point("#picture")
    page.send("Input.dispatchMouseEvent", type="mousePressed", button="left", clickCount=1, **place)
    moved = {"x": place["x"] - 50, "y": place["y"] + 20}
    page.send("Input.dispatchMouseEvent", type="mouseMoved", button="left", buttons=1, **moved)
    page.send("Input.dispatchMouseEvent", type="mouseReleased", button="left", clickCount=1, **moved)
    dragged = page.evaluate("({ ...camera })")
    assert dragged["x"] == pytest.approx(after["x"] + 50 / after["scale"], rel=1e-6)
    assert dragged["y"] == pytest.approx(after["y"] + 20 / after["scale"], rel=1e-6)
    page.press("0")
    page.wait("Math.abs(magnified() - 1) < 1e-9 && camera.x === 0")


def test_labels_do_not_overlap_and_the_words_in_view_are_a_table(page: Page) -> None:
    boxes = page.evaluate(
        "placedLabels(context, places, []).map(({ i, x, y }) => [x, y - 8, x + widthOf(context, i), y + 8])"
    )
    assert len(boxes) > 20
    crossing = [
        (a, b)
        for n, a in enumerate(boxes)
        for b in boxes[:n]
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]
    assert crossing == []
    page.wait("document.getElementById('in-view-words').rows.length === 40")
    words = page.evaluate("[...document.querySelectorAll('#in-view-words th')].map((one) => one.textContent)")
    assert HOSTILE in words
    assert "\ufffdevil" in words
    assert page.evaluate("document.getElementById('in-view-count').textContent").startswith("412 of 412 words")


def test_an_axis_is_taken_out_of_words_and_their_neighbours_change(page: Page, space: WordVectors) -> None:
    assert page.evaluate("document.getElementById('pairs').value") == "man:woman he:she"
    units = dict(zip(space.words, unit_rows(space.vectors.double())))
    axis = unit_rows(units["woman"] - units["man"] + units["she"] - units["he"])
    rows = page.evaluate("[...document.querySelectorAll('#axis-words tr')].map((row) => row.textContent)")
    along = page.evaluate("Object.fromEntries(axis.words.map((i) => [space.words[i], alongOf(vectorOf(i))]))")
    assert list(along) == ["engineer", "nurse"]
    assert all(abs(value - float(units[word] @ axis)) < ROUNDING for word, value in along.items())
    assert len(rows) == 2
    page.evaluate("takeOut(100)")
    page.settle()
    free = unit_rows(units["engineer"] - (units["engineer"] @ axis) * axis)
    seen = torch.tensor(page.evaluate("[...takenFrom(1).values()].map((one) => [...one])")[0]).double()
    assert float(seen @ axis) == pytest.approx(0, abs=ROUNDING)
    assert float(seen @ free) == pytest.approx(1, abs=ROUNDING)
    before, after = answers(page, "#axis-effect")
    changed = WordVectors(space.words, space.vectors.clone())
    nurse = unit_rows(units["nurse"] - (units["nurse"] @ axis) * axis)
    changed.vectors[space.index("nurse")] = nurse.float()
    same(before, space, space["engineer"], ("engineer",))
    same(after, changed, free, ("engineer",))
    assert "out=100" in page.evaluate("location.hash")


def test_a_word_is_put_on_the_axis_and_the_address_brings_it_back(browser: Browser, file: Path, page: Page) -> None:
    page.press("/")
    page.write("king")
    page.press("Enter")
    page.click("#answers .plain")
    state = page.evaluate("location.hash")
    page.evaluate(f"location.hash = '', location.hash = {json.dumps(state)}")
    page.wait("axis.words.length === 3")
    assert page.evaluate("space.words[axis.chosen]") == "king"


def test_a_word_in_its_sentences_stands_beside_its_one_vector(page: Page, space: WordVectors) -> None:
    sentences = page.evaluate(
        "[...document.querySelectorAll('#contextual-sentences th')].map((one) => one.textContent)"
    )
    assert sentences[1] == f"2. the bank {HOSTILE} lent it"
    page.click("#contextual-chart .dot")
    assert page.evaluate("document.activeElement.id") == "sentence-0"
    (found,) = answers(page, "#contextual-static")
    same(found, space, space["king"], ("king",))


def test_a_phone_scrolls_no_page_sideways_and_two_fingers_zoom(browser: Browser, file: Path) -> None:
    page = browser.open(file, width=390, height=844)
    page.wait("document.documentElement.classList.contains('drawn')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    place, before = page.point("#picture"), page.evaluate("camera.scale")
    for apart, kind in ((20, "touchStart"), (60, "touchMove"), (100, "touchMove")):
        points = [{"x": place["x"] + side * apart, "y": place["y"]} for side in (-1, 1)]
        page.send("Input.dispatchTouchEvent", type=kind, touchPoints=points)
    page.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert page.evaluate("camera.scale") > 2 * before
    assert page.errors == []
    page.send("Page.close")
