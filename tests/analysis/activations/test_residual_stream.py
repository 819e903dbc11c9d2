"""Rows of the residual stream against dense float64 algebra on stored streams."""

import pytest
import torch

from eigenlm.analysis.activations import activations
from eigenlm.analysis.activations.residual_stream import StreamSums, evenly
from eigenlm.linalg.cka import centred_gram, cka
from eigenlm.linalg.intrinsic_dimension import intrinsic_dimension
from tests.model.test_transformer import BERT, LLAMA, build, ids

WINDOWS = ids(6, 12, seed=3)


def stored_streams(model, windows):
    """The stream after the embedding and after each block, (B, T, D), by calling the parts."""
    place = model.place(windows)
    x = model.embedding(windows, place.positions)
    streams = [x]
    for block in model.blocks:
        x = block(x, place)
        streams.append(x)
    return [x.detach().double() for x in streams]


@pytest.mark.parametrize("config", [LLAMA, BERT], ids=["decoder", "encoder"])
def test_rows_equal_dense_algebra(config):
    model = build(config)
    rows = activations(model, WINDOWS).layers
    assert [row.name for row in rows] == ["embedding", "blocks.0", "blocks.1"]
    for row, x_BTD in zip(rows, stored_streams(model, WINDOWS)):
        X = x_BTD[:, 1:].flatten(0, 1)
        L = torch.linalg.svdvals(X - X.mean(0)).square()
        cosines = torch.corrcoef(torch.cat([X, -X], dim=1))  # means are zero there: correlations are cosines
        C = len(X)
        assert row.tokens == C == 66
        want = {
            "mean_norm": X.norm(dim=1).mean(),
            "first_token_norm": x_BTD[:, 0].norm(dim=1).mean(),
            "median_abs": x_BTD.abs().flatten(1).median(dim=1).values.mean(),
            "mean_cosine": (cosines.sum() - C) / (C * (C - 1)),
            "participation_ratio": L.sum() ** 2 / L.square().sum(),
        }
        for field, value in want.items():
            assert getattr(row, field) == pytest.approx(float(value), rel=1e-4, abs=1e-6), field  # float32 sums
        assert row.pca_ranks == tuple(range(1, 17))
        torch.testing.assert_close(
            torch.tensor(row.pca_energy, dtype=torch.float64), L.cumsum(0) / L.sum(), rtol=0, atol=1e-5
        )
        assert row.intrinsic_dimension.value == pytest.approx(intrinsic_dimension(X).value, rel=1e-3)


def test_similarity_of_layers_is_that_of_all_their_vectors():
    model = build(LLAMA)
    found = activations(model, WINDOWS)
    streams = [x_BTD[:, 1:].flatten(0, 1) for x_BTD in stored_streams(model, WINDOWS)]
    want = cka(torch.stack([centred_gram(X) for X in streams]))
    torch.testing.assert_close(torch.tensor(found.cka, dtype=torch.float64), want, rtol=0, atol=1e-5)  # float32 Grams


def test_a_massive_activation_is_found_at_the_first_token():
    sums = StreamSums(2)
    for seed in range(2):
        x = torch.randn(20, 8, generator=torch.Generator().manual_seed(seed))
        x[0, 3], x[7, 5] = -5000.0, 200.0  # 200 is large, but not 1000 times the median of about 0.67
        sums.add(x)
    (found,) = sums.row("blocks.0", None, seed=0).massive
    assert (found.channel, found.max_abs, found.at_first_token) == (3, 5000.0, True)
    assert found.ratio == pytest.approx(5000 / 0.67, rel=0.1)  # the median magnitude of 320 normal numbers


def test_a_common_part_does_not_cost_the_digits_of_the_covariance():
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x * torch.tensor([1.0, 0.5, 0.5, 0.2, 0.2, 0.1]) + 1e3
    sums = StreamSums(1)
    sums.add(x.float())
    L = torch.linalg.svdvals(x[1:] - x[1:].mean(0)).square()
    row = sums.row("blocks.0", None, seed=0)
    # Numbers about 1e3 carry an error of 3e-5 in float32, beside a spread of 0.1 and more.
    assert row.participation_ratio == pytest.approx(float(L.sum() ** 2 / L.square().sum()), rel=1e-3)


def test_the_sample_takes_alike_from_all_windows():
    sums = StreamSums(300)
    for n in range(300):
        sums.add(torch.full((10, 2), float(n)))
    sample = sums.sample[:, 0]
    assert len(sample) == 1024
    assert set(torch.bincount(sample.int()).tolist()) <= {4, 0}
    assert evenly(9, 4) == [0, 3, 5, 8]


def test_equal_vectors_have_no_directions():
    sums = StreamSums(1)
    sums.add(torch.ones(30, 4))
    row = sums.row("blocks.0", None, seed=0)
    assert (row.participation_ratio, row.pca_ranks, row.intrinsic_dimension) == (None, (), None)
    assert row.mean_cosine == pytest.approx(1)
