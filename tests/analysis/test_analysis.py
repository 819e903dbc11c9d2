"""An analysis as Python's users expect: a collection, a table, figures, a page."""

import json
import math

import pytest
import torch

import eigenlm
from eigenlm.analysis import Analysis, analyze
from eigenlm.errors import ConfigError


@pytest.fixture(scope="module")
def three() -> Analysis:
    generator = torch.Generator().manual_seed(0)
    weights = {f"blocks.{i}.query": torch.randn(30, 40, generator=generator) * (i + 1) for i in range(2)}
    return analyze(weights | {"embedding": torch.randn(90, 40, generator=generator)})


def test_it_is_a_collection_of_its_matrices(three: Analysis):
    assert len(three) == 3
    assert [matrix.name for matrix in three] == ["blocks.0.query", "blocks.1.query", "embedding"]
    assert three["embedding"].rows == 90
    assert bool(Analysis())
    with pytest.raises(ConfigError, match=r"did you mean 'blocks\.1\.query'"):
        three["blocks.1.qury"]


def test_its_table_holds_the_numbers_of_its_matrices(three: Analysis):
    table = three.to_pandas()
    assert list(table.index) == [matrix.name for matrix in three]
    for matrix in three:
        row = table.loc[matrix.name]
        assert row["spectral_norm"] == matrix.spectral_norm
        assert row["sigma_plus"] == matrix.noise.sigma_plus
        assert row["stable_rank"] == pytest.approx(matrix.frobenius_norm**2 / matrix.spectral_norm**2)
        alpha = (None if matrix.tail.alpha is None else matrix.tail.alpha), row["alpha"]
        assert alpha[0] == alpha[1] or (alpha[0] is None and math.isnan(alpha[1]))
    assert {"alpha", "alpha_low", "alpha_high"} <= set(table)
    assert Analysis().to_pandas().empty


def test_its_figures_draw_those_numbers(three: Analysis):
    (line,) = three.plot("embedding").data
    assert list(line.y) == three["embedding"].singular_values.tolist()
    (heat,) = three.plot("spectral_norm").data
    assert list(heat.y) == ["query", "embedding"]
    assert list(heat.x) == ["-", "0", "1"]
    norms = [matrix.spectral_norm for matrix in three]
    assert [list(row) for row in heat.z] == [[None, *norms[:2]], [norms[2], None, None]]
    with pytest.raises(ConfigError, match="did you mean 'stable_rank'"):
        three.plot("stabel_rank")


def test_it_says_what_it_is_of_in_words_json_and_page(tiny_model, tmp_path):
    analysis = analyze(tiny_model)
    told = json.loads(json.dumps(analysis.to_dict(singular_values=False), allow_nan=False))
    assert told["about"]["model"] == str(tiny_model)
    assert told["about"]["version"] == eigenlm.__version__
    assert told["about"]["facts"]["layers"] == "2"
    assert [one["heading"] for one in told["findings"]] == [finding.heading for finding in analysis.findings]
    assert repr(analysis).startswith(f"Analysis of tiny: {len(analysis)} matrices")
    assert analysis.findings[0].heading in repr(analysis)
    assert analysis.findings[0].heading in analysis._repr_html_()
    analysis.report(tmp_path / "page.html")
    assert "<title>tiny: what its matrices hold</title>" in (tmp_path / "page.html").read_text()
