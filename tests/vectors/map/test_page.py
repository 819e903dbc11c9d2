"""What the page of word vectors says and holds."""

import base64
import gzip
import json
import re
from html import unescape

import numpy as np
import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.map import map_of, render
from eigenlm.vectors.map.page import page_data
from eigenlm.vectors.word_vectors import WordVectors
from tests.vectors.map.spaces import HOSTILE, royal


def held(html: str, name: str) -> bytes:
    letters = re.search(rf'<script type="text/plain" id="{name}">(.*?)</script>', html, re.DOTALL)[1]
    return gzip.decompress(base64.b64decode(letters))


def test_the_page_says_first_what_it_shows_and_what_it_leaves_out() -> None:
    space = royal()
    html = unescape(render(map_of(space, most=100)))
    units = unit_rows(space.vectors[:100]).double().numpy()
    S = np.linalg.svd(units - units.mean(0), compute_uv=False)
    share = f"keeps {(S[:2] ** 2).sum() / (S**2).sum():.1%} of the variance"
    said = f"The first 100 of 412 words of royal.txt: a picture of 2 of 24 dimensions, which {share}"
    assert said in html
    assert html.index(said) < html.index("<nav")
    assert "412 words of royal.txt: a picture" in unescape(render(map_of(space)))


def test_words_vectors_and_places_are_in_the_page_and_nothing_is_asked_for() -> None:
    space = royal()
    shown = map_of(space)
    html = render(shown)
    words = json.loads(held(html, "words"))
    assert [word for word in words if word != "\ufffdevil"] == [word for word in space.words if "evil" not in word]
    codes = np.frombuffer(held(html, "codes"), np.int8).reshape(len(space), -1)
    assert np.array_equal(codes, shown.vectors.codes.numpy())
    places = np.frombuffer(held(html, "places-0"), "<i2").reshape(-1, 2).astype(np.float64)
    true = shown.layouts[0].places.double().numpy()
    fitted = np.polyfit(places[:, 0], true[:, 0], 1)
    assert np.abs(np.polyval(fitted, places[:, 0]) - true[:, 0]).max() <= fitted[0]
    assert HOSTILE not in html
    assert "\u202e" not in html
    assert not re.search(r"https?://|//cdn|@import|url\(|fetch\(|XMLHttpRequest|WebSocket|eval\(", html)
    assert html.count("sha256-") == 1  # one script may run


def test_the_zero_vector_stands_where_the_picture_puts_it() -> None:
    space = WordVectors(("a", "b", "c"), torch.tensor([[1.0, 0], [0, 1.0], [-1.0, 0]]))
    (layout,) = page_data(map_of(space))["layouts"]
    # The units are (1, 0), (0, 1), (-1, 0): 65,534 steps are 2 wide, so that 1 is 32,767 of them; x goes through zero,
    # which stands on its middle, and y from 0 to 1 with its middle at 1/2.
    assert [abs(at) for at in layout["origin"]] == pytest.approx([0, 32767 / 2], abs=1)


def test_more_words_than_a_page_can_show_are_refused() -> None:
    with pytest.raises(DataError, match="at most 100,000 words, got 100,001"):
        map_of(royal(), most=100_001)
