"""Attention against its naive twin, and what a query may see."""

import pytest
import torch

from eigenlm.attention import LayerState, Visibility, naive_attention, softmax_attention, visibility
from eigenlm.attention.naive import attention_weights


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


def test_plain_positions_need_no_mask():
    places = torch.arange(4)[None]
    assert visibility(places, places, causal=True) == Visibility(causal=True)
    assert visibility(places, places, causal=False) == Visibility()
    assert visibility(places[:, -1:], places, causal=True) == Visibility()


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
    state = LayerState(capacity=2)
    for start in range(0, 23, 3):
        keys, values = state.append(key[:, start : start + 3], value[:, start : start + 3])
    assert torch.equal(keys, key)
    assert torch.equal(values, value)
