"""The page of models held against each other: the comparison's numbers, whole, without a network."""

import json
import re

import pytest
import torch

from eigenlm.analysis.comparison import compare
from eigenlm.analysis.comparison.page import page_data, render
from eigenlm.errors import ConfigError, DataError
from tests.analysis.pages import HOSTILE, Elements


def weights(change: float = 0.0, **more: torch.Tensor) -> dict[str, torch.Tensor]:
    """A small model; a change leaves its embedding as it is."""
    generator = torch.Generator().manual_seed(0)
    made = {"embedding.weight": torch.randn(20, 8, generator=generator)}
    for layer in range(3):
        W = torch.randn(8, 8, generator=generator)
        made[f"blocks.{layer}.query.weight"] = W + change * (layer + 1) * torch.randn(8, 8, generator=generator)
    return made | more


def test_the_page_holds_the_numbers_of_the_comparison():
    comparison = compare(weights(), weights(0.1))
    html = render([comparison])
    data = json.loads(Elements(html).scripts["data"])
    assert data == json.loads(json.dumps(page_data([comparison])))
    for row, matrix in zip(data["matrices"], comparison.matrices, strict=True):
        assert row["cells"]["rel_change"] == pytest.approx(matrix.rel_change, rel=1e-5)  # written with six digits
        assert row["cells"]["change_rank_90"] == (matrix.change and matrix.change.rank_90)
    assert data["start"] == max(comparison.matrices, key=lambda matrix: matrix.rel_change).name
    at = [html.index(part) for part in ("3 of 4 matrices changed", 'id="map-section"', 'class="card"', 'id="table"')]
    assert at == sorted(at)


def test_several_models_have_a_column_each():
    comparisons = [compare(weights(), weights(change)) for change in (0.1, 0.5)]
    page = Elements(render(comparisons))
    data = json.loads(page.scripts["data"])
    keys = [column["key"] for column in data["columns"] if not column["group"]]
    assert keys == ["name", "rel_change_1", "rel_change_2"]
    assert [column["key"] for column in data["columns"] if column["map"]] == keys[1:]
    row = next(row for row in data["matrices"] if row["name"] == "blocks.2.query")
    assert row["cells"]["rel_change_2"] == pytest.approx(5 * row["cells"]["rel_change_1"], rel=1e-4)
    explained = {attrs["id"] for _, attrs in page.elements if attrs.get("id", "").startswith("term-")}
    assert {f"term-{column['key']}" for column in data["columns"]} <= explained


def test_it_asks_the_network_for_nothing_and_hostile_names_stay_texts():
    name = f"blocks.0.{HOSTILE}.weight"
    made = [
        weights(change, **{name: torch.eye(4) * (1 + change), "bad.weight": torch.full((2, 2), torch.nan)})
        for change in (0.0, 0.1)
    ]
    html = render([compare(*made)])
    page = Elements(html)
    assert "img" not in {tag for tag, _ in page.elements}
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)
    assert not re.search(r"https?://|//cdn|@import|url\(|fetch\(|XMLHttpRequest|WebSocket", html)


def test_models_that_are_the_same_make_a_page_too():
    assert "The same model" in render([compare(weights(), weights())])


def test_a_comparison_is_asked_for_matrices_and_written_whole(tmp_path):
    comparison = compare(weights(), weights(0.1))
    assert comparison["blocks.1.query"].change.full_rank == 8
    with pytest.raises(ConfigError, match=r"blocks\.1\.query"):
        comparison["blocks.1.qery"]
    comparison.report(tmp_path / "page.html", compare(weights(), weights(0.2)))
    assert (tmp_path / "page.html").stat().st_size < 300_000
    with pytest.raises(DataError):
        comparison.report(tmp_path / "page.html" / "page.html")
