"""The page of before and after, as a file and as a reader has it."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest

from eigenlm.errors import DataError
from eigenlm.estimate import Estimate
from eigenlm.tasks.side_by_side import Footprint, Reply
from eigenlm.tasks.side_by_side.page import render
from eigenlm.tasks.side_by_side.words import headline, of_size_and_speed, of_text
from tests.analysis.pages import Elements
from tests.browser import CHROMIUM, Browser
from tests.tasks.side_by_side.made_up import HOSTILE, effect, exchange, found, speeds


def words_of(html: str) -> str:
    """The text of a page, without its styles."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))).split())


def test_nothing_runs_and_nothing_is_fetched():
    page = Elements(render(found()))
    (policy,) = [attrs["content"] for _, attrs in page.elements if attrs.get("http-equiv")]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert (rules["default-src"], rules["script-src"]) == ("'none'", "'none'")
    assert not {"script", "iframe", "object", "embed", "base", "form", "img"} & {tag for tag, _ in page.elements}
    links = [attrs[key] for _, attrs in page.elements for key in ("src", "href", "srcset", "action") if key in attrs]
    assert links
    assert all(link.startswith(("#", "data:,")) for link in links)
    places = {attrs["id"] for _, attrs in page.elements if attrs.get("id")}
    assert {link[1:] for link in links if link.startswith("#")} <= places


def test_the_page_holds_the_figures_of_both_tables():
    told = words_of(render(found()))
    for lines in (*map(of_text, found().texts.values()), of_size_and_speed(found())):
        for line in lines:
            assert all(cell in told for cell in line)
    assert "+0.0500 (+0.0380 to +0.0620)" in told
    assert "91.25% (89.12% to 93.04%)" in told
    assert "40.2 (38.0 to 41.5)" in told
    for sentence in headline(found()):
        assert sentence in told


def test_the_forecast_stands_first_in_each_picture():
    html = render(found())
    pictures = re.findall(
        r"<figcaption>([^<]*)</figcaption>\s*<div class=\"intervals\">(.*?)</figure>", html, re.DOTALL
    )
    assert [title for title, _ in pictures] == ["Increase of the loss, nats a token", "KL divergence, nats a token"]
    for _, picture in pictures:
        assert re.findall(r'<span class="name">([^<]*)</span>', picture) == ["Forecast", "near.txt", "far.txt"]
        assert picture.count("interval foretold") == 1
    assert "0.0600 (0.0400 to 0.0800)" in pictures[0][1]
    assert "lies in that interval on 1 of 2 texts" in words_of(html)
    alone = render(found(texts={"near.txt": effect()}))
    assert "lies inside that interval" in words_of(alone)
    assert "Forecast" not in render(found(foretold=None))


def test_where_answers_part_is_marked():
    html = render(found())
    quotes = re.findall(r"<blockquote[^>]*>(.*?)</blockquote>", html, re.DOTALL)
    assert quotes[0] == "The capital is<mark> Paris</mark>, of course."
    assert quotes[1] == "The capital is<mark> Lyon</mark>."
    assert quotes[2] == quotes[3] == "42"
    assert quotes[5] == 'The capital is<mark class="end">ends here</mark>'
    assert "They part at token 4." in html
    assert "Both say the same." in html


def test_few_texts_are_told_of():
    assert "a second one from elsewhere" in words_of(render(found(texts={"a": effect()}))).lower()
    assert "No text was given" in render(found(texts_given=False))
    assert "notice" not in re.sub(r"<style>.*?</style>", "", render(found()), flags=re.DOTALL)


def test_hostile_texts_stay_texts(tmp_path):
    evil = Reply(same=HOSTILE, parting=HOSTILE, rest=HOSTILE, num_tokens=3)
    given = found(
        before=Footprint(name=HOSTILE, num_params=1, file_bytes=None, num_bytes=1, running_bytes=1),
        texts={HOSTILE: effect()},
        exchanges=(exchange(HOSTILE, before=evil, after=evil),),
        foretold=replace(found().foretold, text=HOSTILE),
    )
    html = render(given)
    page = Elements(html)
    assert "img" not in {tag for tag, _ in page.elements}
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)
    assert not set("\u202e\x1b") & set(html)


def test_what_is_unknown_is_told():
    none = Estimate(value=0.5, low=-math.inf, high=math.inf)
    unknown = Footprint(name="small", num_params=1, file_bytes=None, num_bytes=1, running_bytes=1)
    told = words_of(render(found(after=unknown, texts={"a": effect(nll_increase=none)})))
    assert "+0.5000 (interval unknown)" in told
    assert "Bytes of the tensors in the file 2,000 unknown" in told
    assert "inf" not in re.sub(r"infer\w*", "", told)


def test_encoders_have_no_answers_and_no_loss():
    vectors = effect(**dict.fromkeys(("nll_increase", "perplexity_ratio", "kl", "agreement")))
    vectors = replace(vectors, cosine_distance=Estimate(value=0.01, low=0.008, high=0.012))
    html = render(found(texts={"a": vectors}, exchanges=(), speeds=speeds("read"), foretold=None))
    assert "1 - cosine of a token's vectors is 0.01000 (0.00800 to 0.01200)" in words_of(html)
    assert 'id="prompts"' not in html
    assert "Tokens read a second" in html


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(DataError, match="expected a new or regular file, got a folder"):
        found().report(tmp_path)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_shows_it(browser, tmp_path, width):
    long = "a/path/of/a/text/that/is/" + "much-" * 20 + "longer.txt"
    found(texts={long: effect(), "far.txt": effect(0.2)}).report(tmp_path / "page.html")
    page = browser.open(tmp_path / "page.html", width=width)
    assert page.errors == []
    assert [request for request in page.requests[1:] if not request.startswith("data:")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What is wider than the screen scrolls by itself, and the keyboard reaches it.
    unreached = """[...document.querySelectorAll('main *')].filter((one) => one.scrollWidth > one.clientWidth + 1
      && /auto|scroll/.test(getComputedStyle(one).overflowX) && one.tabIndex < 0).length"""
    assert page.evaluate(unreached) == 0
    drawn = """[...document.querySelectorAll('.interval')].map((one) =>
      [...one.querySelectorAll('.range, .value')].map((part) => part.getBoundingClientRect().toJSON()))"""
    for line, point in page.evaluate(drawn):
        middle = point["x"] + point["width"] / 2
        assert line["x"] - 1 <= middle <= line["x"] + line["width"] + 1  # a point lies on its interval
    page.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#texts"
    page.press("Enter")
    page.settle()
    assert page.evaluate("location.hash") == "#texts"
    assert page.evaluate("document.querySelector('#texts').getBoundingClientRect().top < 100")
    assert page.errors == []
    page.send("Page.close")
