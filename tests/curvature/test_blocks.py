"""Blocks' figures by draws and probes against the dense matrices they stand for."""

import math

import pytest
import torch

from eigenlm.curvature.blocks import block_traces, blocks_of, compare, draws_of
from eigenlm.curvature.gauss_newton import GaussNewton
from eigenlm.curvature.hessian import hessian
from eigenlm.curvature.kfac import kfac
from eigenlm.curvature.objective import next_token
from eigenlm.errors import ConfigError
from tests.curvature.dense import dense_gauss_newton, dense_hessian, sizes_of, slices, tiny

NAME = "blocks.0.feed_forward.up.weight"


@pytest.fixture(scope="module")
def case():
    model, windows = tiny()
    return model, windows, dense_gauss_newton(model, windows)


def dense_of(operator):
    return torch.stack([operator.product(e) for e in torch.eye(operator.n, dtype=operator.dtype)])


def relative_error(K, F):
    return float(torch.linalg.norm(K - F) / torch.linalg.norm(F))


def test_draws_have_the_matrix_as_their_second_moment(case):
    model, windows, G = case
    drawn = torch.stack(list(draws_of(GaussNewton(next_token(model, windows)), 500)))
    # ||error||_F^2 is about (tr G)^2 / 500 in the mean.
    assert float(torch.linalg.norm(drawn.mT @ drawn / 500 - G)) < 2 * float(G.trace()) / 500**0.5


def test_every_block_by_draws_against_the_dense_matrix(case):
    model, windows, G = case
    sizes = sizes_of(model)
    factors = kfac(model, windows[:, :-1], draws=4)
    approximations = {name: {"kfac": K} for name, K in factors.items()}
    found = blocks_of(GaussNewton(next_token(model, windows)), sizes, approximations, groups=150)
    diagonal = torch.zeros_like(G)
    covered, count = 0, 0
    for name, rows in slices(sizes).items():
        truth = G[rows, rows]
        diagonal[rows, rows] = truth
        block = found.blocks[name]
        wanted = [(block.trace, float(truth.trace())), (block.frobenius_norm, float(torch.linalg.norm(truth)))]
        if name in factors:
            K, agreement = dense_of(factors[name]), block.agreements["kfac"]
            cosine = float((K * truth).sum() / torch.linalg.norm(K) / torch.linalg.norm(truth))
            wanted += [
                (agreement.error, relative_error(K, truth)),
                (agreement.trace_ratio, float(K.trace() / truth.trace())),
                (agreement.cosine, cosine),
            ]
        for estimate, value in wanted:
            assert abs(estimate.value - value) < 3 * (estimate.high - estimate.low)  # six half widths: 12 sigma
            assert estimate.value == pytest.approx(value, rel=0.2)  # 600 draws
            covered, count = covered + (estimate.low <= value <= estimate.high), count + 1
    assert covered / count > 0.8  # 95 % intervals, of figures that hang together
    assert found.trace.value == pytest.approx(float(G.trace()), rel=0.1)
    assert found.frobenius_norm.value == pytest.approx(float(torch.linalg.norm(G)), rel=0.15)
    truth = relative_error(diagonal, G)
    assert found.block_diagonal_error.low - 0.02 <= truth <= found.block_diagonal_error.high + 0.02
    assert found.block_diagonal_error.value == pytest.approx(truth, abs=0.03)


def test_traces_of_all_blocks_by_the_same_probes(case):
    model, windows, G = case
    sizes = sizes_of(model)
    for operator, truth in (
        (GaussNewton(next_token(model, windows)), G),
        (hessian(next_token(model, windows)), dense_hessian(model, windows)),
    ):
        found, whole = block_traces(operator, sizes, probes=150)
        for name, rows in slices(sizes).items():
            width = found[name].high - found[name].low
            assert abs(found[name].value - float(truth[rows, rows].trace())) <= 1.25 * width  # five sigma
        assert abs(whole.value - float(truth.trace())) <= 1.25 * (whole.high - whole.low)


def test_a_diagonal_matrix_has_exact_block_traces():
    from tests.curvature.test_kfac import Dense

    found, whole = block_traces(Dense(torch.diag(torch.arange(5.0))), {"a": 2, "b": 3}, probes=2)
    assert [found["a"].value, found["b"].value, whole.value] == [1.0, 9.0, 10.0]
    assert found["a"].low == found["a"].high == 1.0


def test_comparing_two_operators(case):
    model, windows, G = case
    rows = slices(sizes_of(model))[NAME]
    K = kfac(model, windows[:, :-1])[NAME]
    F = GaussNewton(next_token(model, windows), [NAME])
    found, truth = compare(K, F, probes=400), G[rows, rows]
    error, width = relative_error(dense_of(K), truth), found.error.high - found.error.low
    assert abs(found.error.value - error) <= 1.25 * width  # five sigma
    assert found.error.value == pytest.approx(error, rel=0.1)  # 400 probes
    assert found.trace_ratio.value == pytest.approx(float(K.trace() / truth.trace()), rel=0.1)
    same = compare(F, F, probes=3)
    assert (same.error.value, same.trace_ratio.value) == (0.0, 1.0)
    assert math.isclose(same.cosine.value, 1.0, rel_tol=1e-12)


def test_refusals(case):
    model, windows, _ = case
    sizes = sizes_of(model)
    with pytest.raises(ConfigError, match="add up"):
        block_traces(hessian(next_token(model, windows)), {"a": 3})
    with pytest.raises(ConfigError, match="no factor"):
        blocks_of(hessian(next_token(model, windows)), sizes, {})
    with pytest.raises(ConfigError, match="two independent groups"):
        block_traces(hessian(next_token(model, windows)), sizes, probes=1)
    K = kfac(model, windows)[NAME]
    with pytest.raises(ConfigError, match="one size"):
        compare(K, hessian(next_token(model, windows)))
