"""What a reader, and a browser, find in the page of a race."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

from eigenlm.bench.race.page import page_data, render, write_page
from eigenlm.bench.race.words import SHORT, headline, table, verdict
from tests.bench.race.simulated import plan, result

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = '</script><img src=x onerror="document.title=1">'


def script(html: str, name: str) -> str:
    return re.search(rf'<script [^>]*id="{name}">(.*?)</script>', html, re.DOTALL)[1]


def test_the_page_holds_the_figures_and_asks_the_network_for_nothing():
    raced = result(plan())
    html = render(raced)
    assert json.loads(script(html, "data")) == json.loads(json.dumps(page_data(raced)))
    own = html.replace(script(html, "plotly"), "")
    assert not re.search(r"https?://|//cdn|@import|url\(|fetch\(|XMLHttpRequest|WebSocket", own)
    text = unescape(own)
    for entrant in raced.entrants:
        assert verdict(raced, entrant) in text
    assert all(cell in text for line in table(raced)[1] for cell in line)
    assert len(html) < 3e6  # all but 50 kB of it is Plotly


def test_verdicts_say_what_was_found_and_what_was_not():
    raced = result(plan())
    words = {entrant.optimizer: verdict(raced, entrant) for entrant in raced.entrants}
    assert "nats lower than adamw's" in words["muon"]
    assert re.search(r"final loss in 70\d \(\d+ to \d+\) steps, 1\.4\d \(", words["muon"])
    assert "was not seen to reach" in words["sgd"]
    same = result(plan("adamw", "muon", target="muon"))
    assert "higher than muon's" in {e.optimizer: verdict(same, e) for e in same.entrants}["adamw"]


def test_the_page_begins_with_what_the_race_comes_to():
    raced = result(plan())
    assert headline(raced).startswith("muon ends lowest. After 1,000 steps its loss is 0.2")
    assert headline(result(plan("adamw", "sgd"))).startswith("adamw ends lowest; sgd comes nearest.")
    html = unescape(render(raced))
    assert html.index(headline(raced)) < html.index("<table")
    beyond = headline(result(plan("adamw", "adam")))  # so far ahead that even the shortest schedule reaches the target
    assert "in less than 500 steps (even the shortest schedule that was tried reached it), more than 2.00" in beyond


def test_the_short_table_has_the_same_cells():
    raced = result(plan())
    head, lines = table(raced)
    short, few = table(raced, SHORT)
    assert [dict(zip(short, line)).items() <= dict(zip(head, full)).items() for line, full in zip(few, lines)] == [
        True
    ] * 4


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_draws_it(tmp_path):
    raced = result(plan("adamw", "muon", "adam", "sgd"))
    raced.facts[HOSTILE] = HOSTILE
    write_page(raced, tmp_path / "page.html")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--virtual-time-budget=20000", "--dump-dom", (tmp_path / "page.html").as_uri()]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert len(re.findall(r'class="chart[^"]*js-plotly-plot', drawn)) == 4
    assert drawn.count('aria-pressed="true"') == 4
    assert "<img" not in drawn
    assert re.search('id="no-charts" hidden', drawn)
