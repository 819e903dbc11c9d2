"""Attention against its naive twin, and what a query may see."""

import pytest
import torch

from eigenlm.attention import (
    DecodingState,
    Scores,
    Visibility,
    attention_weights,
    exact,
    naive_attention,
    softmax_attention,
    visibility,
)
from eigenlm.attention.relative_bias import RelativeBias, RelativeBiasConfig
from eigenlm.attention.state import KeyValueState


def _heads(B, T, H, K, seed):
    return torch.randn(B, T, H, K, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def _mask(B, T, S):
    seen = torch.rand(B, 1, T, S, generator=torch.Generator().manual_seed(0)) < 0.5
    seen[..., 0] = True
    return Visibility(mask=seen)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize(
    "visible", [Visibility(), Visibility(causal=True), _mask(2, 7, 7)], ids=["all", "causal", "mask"]
)
def test_fused_equals_naive(kv_heads, visible):
    query, key, value = _heads(2, 7, 4, 8, 1), _heads(2, 7, kv_heads, 8, 2), _heads(2, 7, kv_heads, 8, 3)
    got = softmax_attention(query, key, value, visible)
    want = naive_attention(query, key, value, visible)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)  # float64 rounding of sums over 7 keys


def test_weights_are_distributions_over_what_is_seen():
    weights = attention_weights(_heads(1, 5, 2, 4, 1), _heads(1, 5, 2, 4, 2), Visibility(causal=True))
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 2, 5, dtype=torch.float64))
    assert (weights.triu(1) == 0).all()


def test_causal_output_ignores_the_future_exactly():
    query, key, value = _heads(1, 6, 2, 4, 1), _heads(1, 6, 2, 4, 2), _heads(1, 6, 2, 4, 3)
    before = softmax_attention(query, key, value, Visibility(causal=True))
    key[:, 4:] *= 1e3
    value[:, 4:] += 7
    after = softmax_attention(query, key, value, Visibility(causal=True))
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.equal(before[:, 4:], after[:, 4:])


@pytest.mark.parametrize("window", [None, 1, 3, 50])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("T", "S"), [(7, 7), (3, 9), (1, 9)])
def test_the_rule_in_closed_form_is_that_of_places(T, S, causal, window):
    places = torch.arange(S)[None]
    told = visibility(places[:, S - T :], places, causal=causal, window=window)
    rule = Visibility(causal=causal, window=window)
    assert torch.equal(rule.dense(T, S), told.mask)
    for start in range(T):
        rows = slice(start, min(start + 2, T))
        keys = rule.keys(rows, T, S)
        block = rule.block(rows, keys, T, S, torch.device("cpu"))
        seen = torch.zeros_like(told.mask[..., rows, :])
        seen[..., keys] = True if block is None else block
        assert torch.equal(seen, told.mask[..., rows, :])


ODD_SCORES = {
    "scale": Scores(scale=0.3),
    "softcap": Scores(softcap=1.5),
    "sinks": Scores(sinks=torch.tensor([0.5, -1.0, 2.0, 0.0], dtype=torch.float64)),
    "bias": Scores(bias=RelativeBias(RelativeBiasConfig(num_buckets=8, max_distance=6), 4).double()),
}


@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize("T", [9, 2])
@pytest.mark.parametrize("scores", ODD_SCORES.values(), ids=ODD_SCORES)
def test_odd_scores_in_blocks_equal_naive(scores, T, window, monkeypatch):
    monkeypatch.setattr(exact, "BLOCK", 4)
    query, key, value = _heads(2, T, 4, 8, 1), _heads(2, 9, 2, 8, 2), _heads(2, 9, 2, 8, 3)
    visible = Visibility(causal=True, window=window)
    got, want = (attend(query, key, value, visible, scores) for attend in (softmax_attention, naive_attention))
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)  # float64 rounding of sums over 9 keys


def test_padding_is_hidden_from_real_tokens_only():
    places = torch.tensor([[-1, -1, 0, 1]])
    mask = visibility(places, places, causal=True).mask[0, 0]
    assert mask.tolist() == [
        [True, True, False, False],
        [True, True, False, False],
        [False, False, True, False],
        [False, False, True, True],
    ]


def test_window_hides_old_keys():
    places = torch.arange(5)[None]
    mask = visibility(places, places, causal=True, window=2).mask[0, 0]
    assert torch.equal(mask, torch.ones(5, 5, dtype=torch.bool).tril() & torch.ones(5, 5, dtype=torch.bool).triu(-1))


def test_state_keeps_everything_while_its_room_grows():
    key, value = _heads(2, 23, 3, 4, 1), _heads(2, 23, 3, 4, 2)
    layer = KeyValueState(capacity=2)
    state = DecodingState([layer], [])
    for start in range(0, 23, 3):
        new = slice(start, min(start + 3, 23))
        place = state.follow(2, new.stop - start, key.device, causal=True)
        keys, values = layer.append(key[:, new], value[:, new], place)
    assert torch.equal(keys, key)
    assert torch.equal(values, value)


def test_state_keeps_rows_of_unequal_length_at_their_places():
    layer = KeyValueState(capacity=2)
    state = DecodingState([layer], [])
    for positions in ([[0, 1, 2], [-1, -1, 0]], [[3], [1]], [[-1, 4], [2, 3]]):
        places = torch.tensor(positions)
        numbers = (places + 100 * torch.arange(2)[:, None]).double()[:, :, None, None]
        keys, values = layer.append(numbers, -numbers, state.take(places, causal=True))
    assert keys[0, :, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert keys[1, :4, 0, 0].tolist() == [100, 101, 102, 103]
    assert torch.equal(values, -keys)
    assert state.take(torch.tensor([[5], [4]]), causal=True).key_positions.tolist() == [
        [0, 1, 2, 3, 4, 5],
        [0, 1, 2, 3, 4, -1],
    ]
