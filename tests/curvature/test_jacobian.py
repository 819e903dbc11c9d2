"""Jacobians by products against torch's dense ones."""

import pytest
import torch

from eigenlm.curvature.jacobian import Jacobian, at_position
from eigenlm.curvature.layer_maps import layer_maps, whole_map
from eigenlm.errors import DataError
from tests.model.test_transformer import DECODERS, LLAMA, build, ids


def dense(stream_map):
    J = torch.autograd.functional.jacobian(stream_map.function, stream_map.x)
    return J.reshape(-1, stream_map.x.numel())


@pytest.mark.parametrize("config", DECODERS.values(), ids=DECODERS)
def test_layers_and_the_whole_map_against_dense_jacobians(config):
    model, tokens = build(config, torch.float64), ids(1, 4)
    maps = [*layer_maps(model, tokens).values(), whole_map(model, tokens), whole_map(model, tokens, to_logits=True)]
    assert len(maps) == 4
    for stream_map in maps:
        want, J = dense(stream_map), Jacobian(*stream_map)
        assert J.shape == want.shape
        torch.testing.assert_close(J.dense(), want)  # float64 twice over
        u = torch.randn(J.shape[0], dtype=torch.float64)
        torch.testing.assert_close(J.transposed(u), want.mT @ u)
        torch.testing.assert_close(J.singular_values(), torch.linalg.svdvals(want))
        ends = J.singular_ends(largest=1, smallest=1, rel_residual=1e-6, max_steps=64)
        S = torch.linalg.svdvals(want)
        assert abs(ends.largest[0].value / float(S[0]) - 1) < 1e-6
        assert abs(ends.smallest[0].value - float(S[-1])) <= ends.smallest[0].residual + 1e-12


def test_wide_maps_are_taken_by_their_shorter_side():
    A = torch.randn(3, 7, dtype=torch.float64)
    J = Jacobian(lambda x: A @ x, torch.zeros(7, dtype=torch.float64))
    torch.testing.assert_close(J.dense(), A)
    ends = J.singular_ends(smallest=1, rel_residual=1e-9)
    S = torch.linalg.svdvals(A)
    assert abs(ends.smallest[0].value / float(S[-1]) - 1) < 1e-8  # zero directions of the longer side are no values


def test_one_token_of_a_layer_is_a_block_of_the_whole_jacobian():
    stream_map = layer_maps(build(LLAMA, torch.float64), ids(1, 5))["blocks.1"]
    want = dense(stream_map)
    D = stream_map.x.shape[-1]
    for place in (2, -1):
        rows = slice(place % 5 * D, place % 5 * D + D)
        torch.testing.assert_close(Jacobian(*at_position(*stream_map, place)).dense(), want[rows, rows])


def test_mean_gain_of_an_orthogonal_map_and_of_a_scaled_one():
    Q = torch.linalg.qr(torch.randn(30, 30, dtype=torch.float64)).Q
    gains = Jacobian(lambda x: 3 * (Q @ x), torch.zeros(30, dtype=torch.float64)).log_gains(5)
    torch.testing.assert_close(gains, torch.full((5,), 3.0, dtype=torch.float64).log())


def test_a_constant_has_a_zero_jacobian_and_nan_is_refused():
    J = Jacobian(lambda x: torch.ones(2), torch.zeros(3))
    assert not J.dense().any()
    assert J.singular_ends().largest[0].value == 0.0
    with pytest.raises(DataError, match="finite"):
        Jacobian(lambda x: x / 0, torch.zeros(3))
