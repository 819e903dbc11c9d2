"""The section on curvature against dense matrices, and what it does where something cannot be measured."""

import dataclasses
import json

import pytest
import torch
from torch import nn

from eigenlm.analysis.curvature import Effort, curvature
from eigenlm.errors import DataError
from tests.curvature.dense import dense_gauss_newton, dense_hessian, sizes_of, slices, tiny
from tests.model.test_transformer import BERT, LLAMA, build, ids

QUICK = Effort(eigenvalues=2, probes=2, groups=2, draws=1, starts=2, steps=4)


@pytest.fixture(scope="module")
def case():
    model, windows = tiny()
    effort = Effort(eigenvalues=3, rel_residual=1e-7, probes=40, groups=30, starts=4, steps=40, max_products=2000)
    return model, windows, curvature(model, windows, effort=effort)


def within(estimate, truth):
    return abs(estimate.value - truth) <= 1.25 * (estimate.high - estimate.low)  # five sigma


def test_eigenvalues_at_both_ends_against_dense_matrices(case):
    model, windows, found = case
    L = torch.linalg.eigvalsh(dense_hessian(model, windows))
    assert [e.value for e in found.hessian_largest] == pytest.approx(L.flip(0)[:3].tolist(), rel=1e-6)
    assert [e.value for e in found.hessian_smallest] == pytest.approx(L[:3].tolist(), rel=1e-6)
    L = torch.linalg.eigvalsh(dense_gauss_newton(model, windows)).flip(0)
    assert [e.value for e in found.gauss_newton_largest] == pytest.approx(L[:3].tolist(), rel=1e-6)
    for e in found.hessian_largest + found.hessian_smallest + found.gauss_newton_largest:
        assert e.residual <= 1e-6 * abs(e.value)


def test_rows_against_dense_blocks(case):
    model, windows, found = case
    H, G = dense_hessian(model, windows), dense_gauss_newton(model, windows)
    rows = {row.name: row for row in found.blocks}
    places = slices(sizes_of(model))
    matrices = [name for name, p in model.named_parameters() if p.ndim == 2]
    assert [row.name for row in found.blocks] == [name.removesuffix(".weight") for name in matrices]
    for name in matrices:
        row, at = rows[name.removesuffix(".weight")], places[name]
        assert within(row.trace, float(G[at, at].trace()))
        assert within(row.hessian_trace, float(H[at, at].trace()))
        assert within(row.frobenius_norm, float(torch.linalg.norm(G[at, at])))
        assert row.trace_per_param == row.trace.value / row.num_params
        assert row.largest.value == pytest.approx(float(torch.linalg.eigvalsh(G[at, at])[-1]), rel=1e-6)
        assert (row.kfac_error is None) == name.startswith("embedding")
    density = found.hessian_density
    step = density.eigenvalues[1] - density.eigenvalues[0]
    assert sum(density.density) * step == pytest.approx(1.0, abs=0.01)  # the tails beyond three widths
    mean = sum(x * y for x, y in zip(density.eigenvalues, density.density)) * step
    assert mean == pytest.approx(float(H.trace()) / len(H), abs=0.1 * float(torch.linalg.norm(H)) / len(H) ** 0.5)
    assert within(found.hessian_trace, float(H.trace()))
    assert within(found.gauss_newton_trace, float(G.trace()))


def test_what_it_is_about(case):
    model, windows, found = case
    assert found.num_params == sum(p.numel() for p in model.parameters())
    assert found.num_tokens == 10
    loss = nn.functional.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())
    assert found.loss == pytest.approx(loss.item(), rel=1e-12)
    assert found.left_out == {}
    assert [layer.name for layer in found.gradient_flow.layers] == ["blocks.0", "blocks.1"]
    json.dumps(dataclasses.asdict(found), allow_nan=False)


def test_an_encoder_has_a_gradient_flow_alone():
    found = curvature(build(BERT), ids(2, 6), effort=QUICK)
    assert list(found.left_out) == ["loss"]
    assert "next token, got an encoder" in found.left_out["loss"]
    assert found.loss is None
    assert found.blocks == ()
    assert found.gradient_flow.layers[0].gradient_norm is None
    assert found.gradient_flow.layers[0].gain.largest > 0


class NoLinears(nn.Module):
    """Predicts tokens with neither layers nor linear layers."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(31, 31)

    def forward(self, tokens):
        return self.table(tokens)


def test_without_layers_or_linear_layers_the_rest_goes_on():
    found = curvature(NoLinears(), ids(1, 6), effort=QUICK)
    assert set(found.left_out) == {"KFAC", "gradient flow"}
    assert "ModuleList" in found.left_out["gradient flow"]
    assert found.hessian_largest[0].value > 0
    assert found.blocks[0].name == "table"
    assert found.blocks[0].kfac_error is None


def test_nan_and_half_precision_leave_a_line_each():
    model = build(BERT.__class__(**{**vars(BERT), "kind": "decoder", "pooler": False}))
    with torch.no_grad():
        model.blocks[0].feed_forward.down.weight[0, 0] = torch.nan
    found = curvature(model, ids(1, 6), effort=QUICK)
    assert found.loss is None
    assert all("\n" not in reason for reason in found.left_out.values())
    assert "Hessian traces" in found.left_out
    model = build(BERT.__class__(**{**vars(BERT), "kind": "decoder", "pooler": False})).bfloat16()
    found = curvature(model, ids(1, 6), effort=QUICK)
    assert "float32" in found.left_out["Hessian"]


def test_a_module_that_fails_in_the_middle_leaves_a_line_for_each_part():
    class Model(NoLinears):
        def forward(self, tokens):
            if torch.is_grad_enabled():
                raise MemoryError("cannot allocate\n8 GB")
            return self.table(tokens)

    found = curvature(Model(), ids(1, 6), effort=QUICK)
    assert found.loss is not None
    assert found.left_out["Hessian"] == found.left_out["Gauss-Newton matrix"] == "cannot allocate 8 GB"
    assert found.hessian_trace is None
    assert found.blocks[0].trace is None


def test_what_would_not_fit_into_memory_is_not_begun(monkeypatch):
    monkeypatch.setattr("eigenlm.machine.memory.free_memory", lambda _: 1000)
    found = curvature(build(LLAMA), ids(1, 6), effort=QUICK)
    assert set(found.left_out) == {"Gauss-Newton matrix", "Hessian"}
    assert "got 1.0 kB; give fewer or shorter windows" in found.left_out["Hessian"]
    assert found.gradient_flow is not None


@pytest.mark.parametrize("shape", [(1, 1), (0, 5)])
def test_text_shorter_than_a_window_is_refused(shape):
    with pytest.raises(DataError, match="two tokens or more"):
        curvature(NoLinears(), torch.zeros(shape, dtype=torch.int64))
