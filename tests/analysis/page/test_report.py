import base64
import gzip
import hashlib
import json
import math
import re
from dataclasses import replace
from html import unescape

import pytest
import torch
from plotly.offline import get_plotlyjs

from eigenlm.analysis import Analysis, analyze, decompose
from eigenlm.analysis.page import Planned, write_report
from eigenlm.analysis.page.page import curves, page_data, render
from eigenlm.analysis.spectra import Spectra
from eigenlm.errors import DataError
from eigenlm.estimate import Estimate
from eigenlm.linalg import energy_curve
from tests.analysis.pages import HOSTILE, Elements, effect, full_report, tiny_report


def unpacked(text: str) -> str:
    return gzip.decompress(base64.b64decode(text)).decode()


def test_the_page_asks_the_network_for_nothing():
    page = Elements(render(full_report()))
    assert not [tag for tag, _ in page.elements if tag in ("iframe", "object", "embed", "base")]
    links = [
        attrs.get(key) for _, attrs in page.elements for key in ("src", "href", "srcset", "action") if key in attrs
    ]
    assert links
    assert all(link.startswith(("#", "data:,")) for link in links)
    own = render(full_report()).replace(page.scripts["plotly"], "").replace(page.scripts["curves"], "")
    assert not re.search(r"https?://|//cdn|@import|url\(|fetch\(|XMLHttpRequest|WebSocket", own)


def test_only_the_pages_own_script_and_plotly_may_run():
    page = Elements(render(full_report()))
    (policy,) = [attrs["content"] for tag, attrs in page.elements if attrs.get("http-equiv")]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    ran = [page.scripts["own"], unpacked(page.scripts["plotly"])]
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in ran]
    assert rules["script-src"].split() == [f"'sha256-{found}'" for found in hashes]


def test_plotly_travels_inside():
    assert unpacked(Elements(render(tiny_report())).scripts["plotly"]) == get_plotlyjs()


def test_the_page_holds_the_numbers_of_the_analysis():
    report = full_report()
    page = Elements(render(report))
    data = json.loads(page.scripts["data"])
    assert data == page_data(report)
    drawn = json.loads(unpacked(page.scripts["curves"]))
    for shown, matrix in zip(data["matrices"], report.analysis.matrices, strict=True):
        told = matrix.to_dict(singular_values=False)
        same = {key for key, value in told.items() if isinstance(value, (int, float)) and key in shown["cells"]}
        assert {"stable_rank", "condition_number", "rank_90", "rank_99"} <= same
        cells = {key: shown["cells"][key] for key in same}
        assert cells == pytest.approx({key: told[key] for key in same}, rel=1e-5)  # written with six digits
        torch.testing.assert_close(
            torch.tensor(drawn[matrix.name]["sigma"], dtype=torch.float64),
            matrix.singular_values,
            rtol=1e-5,  # written with six digits
            atol=0,
        )
    labels = [row["plan"] and row["plan"]["label"] for row in data["matrices"]]
    assert labels == [None, "rank 5", "as it is", "rank 5", "as it is", "rank 5", "as it is"]


def test_the_three_lines_of_python_return_the_same_numbers(tiny_model):
    report = tiny_report(analysis=analyze(tiny_model), model=str(tiny_model), options={"curvature": False})
    html = render(report)
    lines = unescape(
        re.sub("<[^>]*>", "", re.search(r'<code id="python">(.*?)</code>', html, re.DOTALL)[1])
    ).splitlines()
    names: dict = {}
    exec("\n".join(lines[:-1]), names)
    first = curves(report.analysis)[page_data(report)["start"]]
    torch.testing.assert_close(
        eval(lines[-1], names), torch.tensor(first["sigma"]).double(), rtol=1e-5, atol=0
    )  # six digits


def test_long_spectra_are_thinned_but_exact_where_drawn():
    S = torch.linspace(2, 1, 1200, dtype=torch.float64)
    (drawn,) = curves(analyze({"w": torch.diag(S)})).values()
    rank = torch.tensor(drawn["rank"])
    assert len(rank) <= 1024
    assert (rank[0], rank[-1]) == (1, 1200)
    torch.testing.assert_close(torch.tensor(drawn["sigma"]).double(), S[rank - 1], rtol=1e-5, atol=0)  # six digits
    kept = 1 - torch.tensor(drawn["lost"]).double()
    torch.testing.assert_close(kept, energy_curve(S)[rank - 1], rtol=0, atol=1e-4)  # four digits of what is lost


@pytest.mark.parametrize("field", ["title", "model"])
def test_hostile_texts_stay_texts(field):
    report = tiny_report(
        analysis=analyze(
            {HOSTILE: torch.eye(3), "blocks.0.query": torch.eye(4), "bad" + HOSTILE: torch.full((2, 2), torch.nan)}
        ),
        facts={HOSTILE: HOSTILE},
        before_after=effect(),
        plan=(Planned(name=HOSTILE, label=HOSTILE, bits_before=32.0, bits=4.0),),
        **{field: HOSTILE},
    )
    page = Elements(render(report))
    assert "img" not in {tag for tag, _ in page.elements}
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)
    assert json.loads(page.scripts["data"])["matrices"][0]["name"] == HOSTILE


def test_a_measurement_outside_its_forecast_is_told():
    assert "lies outside that interval" in " ".join(
        render(tiny_report(before_after=effect(forecast=Estimate(value=0.01, low=0.0, high=0.02)))).split()
    )
    assert "lies inside that interval" in " ".join(render(tiny_report(before_after=effect())).split())
    assert "forecast had been" not in render(tiny_report(before_after=effect(forecast=None)))


def test_odd_analyses_still_make_a_page():
    weights = {"zero": torch.zeros(3, 2), "row": torch.ones(1, 4), "bad": torch.full((2, 2), torch.nan)}
    for names in (("zero",), ("row",), ("bad",), ("zero", "row", "bad")):
        page = Elements(render(tiny_report(analysis=analyze({name: weights[name] for name in names}))))
        shown = [matrix["name"] for matrix in json.loads(page.scripts["data"])["matrices"]]
        assert shown == [name for name in names if name != "bad"]


def test_the_page_is_small_and_written_whole(tmp_path):
    write_report(full_report(), tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 3e6  # all but 100 kB of it is Plotly
    (tmp_path / "file").touch()
    with pytest.raises(DataError):
        write_report(full_report(), tmp_path / "file" / "page.html")


def test_every_word_on_the_page_is_explained():
    page = Elements(render(full_report()))
    data = json.loads(page.scripts["data"])
    explained = {
        attrs["id"].removeprefix("term-") for _, attrs in page.elements if attrs.get("id", "").startswith("term-")
    }
    words = {attrs["data-term"] for _, attrs in page.elements if "data-term" in attrs}
    words |= {column["key"] for column in data["columns"]}
    assert words
    assert words <= explained
    assert words <= set(data["terms"])


def test_every_section_is_on_the_page_and_every_word_of_it_explained(seen):
    page = Elements(render(tiny_report(analysis=seen)))
    ids = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    assert {"activations", "curvature", "senses"} <= ids
    assert "absent" not in ids
    data = json.loads(page.scripts["data"])
    shown = {column["group"] for column in data["columns"]}
    assert {"Spectrum", "Noise", "Tail", "WeightWatcher", "Activations", "Curvature"} <= shown
    words = {attrs["data-term"] for _, attrs in page.elements if "data-term" in attrs}
    words |= {column["key"] for column in data["columns"]}
    assert {f"term-{word}" for word in words} <= ids


def test_columns_hold_the_figures_of_each_section(seen):
    rows = {row["name"]: row["cells"] for row in page_data(tiny_report(analysis=seen))["matrices"]}
    for inputs in seen.activations.linear_inputs:
        assert rows[inputs.name]["input_effective_rank"] == pytest.approx(inputs.effective_rank, rel=1e-5)  # six digits
        assert rows[inputs.name]["output_rank_90"] == inputs.output_rank_90
    for block in seen.curvature.blocks:
        ends = [block.trace.value, block.trace.low, block.trace.high]
        assert rows[block.name]["block_trace"] == pytest.approx(ends, rel=1e-5)  # six digits
    assert {block.name for block in seen.curvature.blocks} == set(rows)


def test_a_section_that_was_not_measured_says_what_adds_it():
    text = " ".join(unescape(re.sub("<[^>]*>", "", render(tiny_report()))).split())
    assert "Activations: eigenlm analyze tiny --text FILE adds this section" in text
    assert "Curvature: eigenlm analyze tiny --curvature adds this section" in text
    failed = replace(tiny_report().analysis, left_out={"senses": "too few <sentences>"})
    text = " ".join(unescape(re.sub("<[^>]*>", "", render(tiny_report(analysis=failed)))).split())
    assert "Senses of a word: too few <sentences>" in text


def test_figures_that_do_not_exist_are_nothing_in_the_data(seen):
    layers = [replace(layer, mean_cosine=math.nan) for layer in seen.activations.layers]
    odd = replace(seen, activations=replace(seen.activations, layers=tuple(layers)))
    data = json.loads(Elements(render(tiny_report(analysis=odd))).scripts["data"])
    assert {layer["mean_cosine"] for layer in data["activations"]["layers"]} == {None}


def test_many_matrices_share_the_points_that_a_page_can_hold():
    row = decompose({"w": torch.diag(torch.linspace(2, 1, 300))})["w"]
    matrices = tuple(replace(row, name=f"blocks.{i}.up") for i in range(2500))
    many = Analysis(spectra=Spectra(matrices=matrices))
    drawn = curves(many)
    assert len(drawn) == 2500
    assert {100 < len(curve["sigma"]) <= 128 for curve in drawn.values()} == {True}
    assert {curve["rank"][-1] for curve in drawn.values()} == {300}
