"""The page of a word: a point in every picture for every sentence, lit up together, whatever the sentences hold."""

from collections.abc import Iterator

import pytest

from eigenlm.vectors.contextual import LayerSimilarity, SenseGroup, SenseGroups, WordInContext, WordPlace
from eigenlm.vectors.contextual.page import render, write_page
from tests.analysis.pages import HOSTILE, Elements
from tests.browser import CHROMIUM, Browser, Page

LINES = ("The bank of the river.", f"{HOSTILE} a bank", "Money in the bank & more.")


def found() -> WordInContext:
    figures = dict.fromkeys(("lowest", "highest", "adjusted", "explained", "explained_baseline", "with_static"))
    layers = tuple(LayerSimilarity(name=name, mean=0.5, baseline=None, **figures) for name in ("embedding", "blocks.0"))
    groups = tuple(SenseGroup(count=count, nearest=(("river", 0.4),)) for count in (2, 1))
    sentences = []
    for i, line in enumerate(LINES):
        at = line.index("bank")
        points = ((float(i), -1.0), (2.0 - i, 0.5))
        where = {"source": f"f:{i}", "first": at, "end": at + 4, "pieces": ("bank",)}
        sentences.append(WordPlace(text=line, group=i % 2, xy=points[-1], xy_by_layer=points, **where))
    return WordInContext(
        word="bank",
        layers=layers,
        groups=SenseGroups(layer="blocks.0", groups=groups, silhouette=0.3, p=0.005, is_clear=True),
        static_neighbours=(),
        sentences=tuple(sentences),
        num_lines=3,
        num_places=3,
        num_left_out=0,
        left_context_only=False,
    )


def test_every_picture_has_every_sentence_and_nothing_comes_from_elsewhere():
    page = Elements(render(found(), HOSTILE))
    places = [about["data-place"] for tag, about in page.elements if tag == "use" and "data-place" in about]
    assert places == ["0", "1", "2"] * 2
    assert sum(tag == "li" for tag, _ in page.elements) == 3
    assert not [tag for tag, about in page.elements if tag == "img" or "onerror" in about]
    (policy,) = (about["content"] for tag, about in page.elements if about.get("http-equiv"))
    assert "default-src 'none'" in str(policy)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("page")
    write_page(found(), "tiny", folder / "page.html")
    browser = Browser(folder / "profile")
    yield browser.open(folder / "page.html", width=400, height=800)
    browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_sentence_lights_up_in_every_picture(page):
    page.press("Tab")
    lit = "[...document.querySelectorAll('use.lit')].map((mark) => mark.dataset.place)"
    assert page.evaluate(lit) == ["0", "0"]
    page.point('use[data-place="2"]')
    page.settle()
    assert page.evaluate(lit) == ["2", "2"]
    assert page.evaluate("document.getElementById('told').textContent") == LINES[2]
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.errors == []
    assert [address for address in page.requests if not address.startswith("file:")] == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_points_lie_where_the_vectors_do(page):
    boxes = "[...document.querySelectorAll('figure:nth-of-type(1) use')].map((mark) => mark.getBoundingClientRect().x)"
    x = page.evaluate(boxes)
    assert x[0] < x[1] < x[2]
