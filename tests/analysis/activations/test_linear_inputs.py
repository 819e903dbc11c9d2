"""Inputs of linear layers against dense float64 algebra on the stored activations of the whole text."""

import dataclasses

import pytest
import torch
from torch import nn

from eigenlm.analysis.activations import activations
from eigenlm.analysis.activations.linear_inputs import groups
from eigenlm.analysis.activations.outliers import outlier_channels
from eigenlm.linalg import effective_rank
from eigenlm.observe import linears
from tests.model.test_transformer import BERT, LLAMA, build, ids

WINDOWS = ids(5, 12, seed=3)


def stored_inputs(model, windows):
    """Everything that each layer read, (B, T, n), by plain hooks of this test's own."""
    found = {}
    handles = [
        layer.register_forward_hook(lambda _, x, y, name=name: found.setdefault(name, []).append(x[0].detach()))
        for name, layer in linears(model).items()
    ]
    for window in windows:
        model(window[None])
    for handle in handles:
        handle.remove()
    return {name: torch.cat(parts).double() for name, parts in found.items()}


@pytest.mark.parametrize("config", [LLAMA, BERT], ids=["decoder", "encoder"])
def test_rows_equal_dense_algebra(config):
    model = build(config)
    rows = {row.name: row for row in activations(model, WINDOWS).linear_inputs}
    stored = stored_inputs(model, WINDOWS)
    assert list(rows) == [name for name in linears(model) if name != "pooler"]
    for name, x_BTI in stored.items():
        row, X = rows[name], x_BTI.flatten(0, 1)
        S = torch.linalg.svdvals(X)
        outputs = X @ linears(model)[name].weight.detach().double().mT
        kept = torch.linalg.svdvals(outputs).square()
        want = {
            "mean_square": X.square().mean(),
            "max_abs": X.abs().max(),
            "first_token_share": x_BTI[:, 0].square().sum() / X.square().sum(),
            "mean_share": X.mean(0).square().sum() / X.square().sum(1).mean(),
            "stable_rank": S.square().sum() / S[0] ** 2,
            "effective_rank": effective_rank(S.square()),
            "top_pca_share": torch.linalg.svdvals(X - X.mean(0))[0] ** 2 / (X - X.mean(0)).square().sum(),
            "output_stable_rank": kept.sum() / kept[0],
        }
        for field, value in want.items():
            # Float32 sums and eigenvalues; Lanczos stops at a residual of 1e-3, whose square is the error.
            assert getattr(row, field) == pytest.approx(float(value), rel=2e-4), (name, field)
        assert (row.tokens, row.width) == X.shape
        for rank, share in row.output_energy_kept.items():
            assert share == pytest.approx(float(kept[:rank].sum() / kept.sum()), abs=1e-5)
        below = kept.cumsum(0) / kept.sum()
        assert below[row.output_rank_90 - 1] >= 0.9 - 1e-6
        assert row.output_rank_90 == 1 or below[row.output_rank_90 - 2] < 0.9


def test_no_matrix_of_that_rank_keeps_more_of_the_output():
    model = build(LLAMA)
    name, rank = "blocks.1.feed_forward.up", 4
    row = next(row for row in activations(model, WINDOWS).linear_inputs if row.name == name)
    X, W = stored_inputs(model, WINDOWS)[name].flatten(0, 1), linears(model)[name].weight.detach().double()
    U, S, Vh = torch.linalg.svd(W, full_matrices=False)
    plain = U[:, :rank] * S[:rank] @ Vh[:rank]
    kept_by_plain = 1 - (X @ (W - plain).mT).square().sum() / (X @ W.mT).square().sum()
    best = torch.linalg.svdvals(X @ W.mT).square()
    assert float(kept_by_plain) < float(best[:rank].sum() / best.sum())
    assert row.output_energy_kept[rank] == pytest.approx(float(best[:rank].sum() / best.sum()), abs=1e-5)


def test_a_planted_outlier_is_found():
    model = build(LLAMA)
    with torch.no_grad():
        model.blocks[1].attention_norm.weight[5] *= 40
    rows = {row.name: row for row in activations(model, WINDOWS).linear_inputs}
    found = rows["blocks.1.attention.key"]
    assert found.num_outliers == 1
    assert found.outliers[0].channel == 5
    assert found.outliers[0].energy_share > 0.9
    assert not rows["blocks.0.attention.key"].outliers


def test_outliers_do_not_depend_on_scale():
    mean_square = torch.tensor([1.0, 0.5, 1.0, 1.0, 36.1, 400.0, 35.9, 0.2, 0.1])  # the median is 1
    for scale in (1.0, 1e-8, 1e8):
        count, listed = outlier_channels(mean_square * scale)
        assert (count, [outlier.channel for outlier in listed]) == (2, [5, 4])
    assert outlier_channels(torch.tensor([0.0, 0.0, 5.0])) == (0, ())


def test_layers_in_groups_give_the_same_rows(monkeypatch):
    whole = activations(build(LLAMA), WINDOWS)
    monkeypatch.setattr("eigenlm.analysis.activations.linear_inputs._GRAM_BYTES", 4 * 16 * 16 * 2)
    assert len(list(groups(linears(build(LLAMA))))) > 5
    assert activations(build(LLAMA), WINDOWS) == whole


def test_equal_inputs_have_no_principal_component():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, ids):
            return self.layer(torch.ones(*ids.shape, 4))

    (row,) = activations(Constant(), ids(2, 5)).linear_inputs
    assert row.top_pca_share is None
    assert row.mean_share == pytest.approx(1)
    assert row.output_rank_99 == 1


def test_values_are_plain():
    (row, *_) = activations(build(LLAMA), WINDOWS).linear_inputs
    kinds = {type(value) for value in dataclasses.asdict(row).values()}
    assert kinds <= {int, float, str, tuple, dict, type(None)}
