"""Blocked attention is the naive twin's, forward and backward, for every way of hiding keys."""

import pytest
import torch

from eigenlm.attention import Visibility, blocked, naive_attention, softmax_attention
from eigenlm.attention.blocked import blocked_attention

CASES = {
    "everything": lambda B, T, S: Visibility(),
    "causal": lambda B, T, S: Visibility(causal=True),
    "mask": lambda B, T, S: Visibility(mask=_no_empty_row(torch.rand(B, 1, T, S) < 0.5)),
}


def _no_empty_row(mask: torch.Tensor) -> torch.Tensor:
    mask[..., 0] = True
    return mask


def tensors(T: int, S: int, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    torch.manual_seed(T)
    shapes = [(2, T, 3, 8), (2, S, 3, 8), (2, S, 3, 8)]
    return [torch.randn(shape, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("kept_bytes", [0, 2**30], ids=["recomputed", "kept"])
@pytest.mark.parametrize("T", [1, 127, 128, 300])
@pytest.mark.parametrize("case", CASES)
def test_equals_the_naive_twin(case: str, T: int, kept_bytes: int, monkeypatch) -> None:
    monkeypatch.setattr(blocked, "KEPT_BYTES", kept_bytes)
    visible = CASES[case](2, T, T)
    fast, slow = tensors(T, T), tensors(T, T)
    grad = torch.randn(2, T, 3, 8, dtype=torch.float64)
    out, truth = blocked_attention(*fast, visible), naive_attention(*slow, visible)
    out.backward(grad)
    truth.backward(grad)
    # Sums of at most 300 products in float64, taken in another order.
    torch.testing.assert_close(out, truth, rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(fast, slow):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-11, atol=1e-11)


def test_queries_and_keys_of_different_length() -> None:
    fast, slow = tensors(40, 200), tensors(40, 200)
    visible = CASES["mask"](2, 40, 200)
    torch.testing.assert_close(blocked_attention(*fast, visible), naive_attention(*slow, visible))


@pytest.mark.parametrize("heads", [(6, 6), (6, 2)])
def test_training_in_bfloat16_is_as_near_to_the_truth_as_torch(heads: tuple[int, int]) -> None:
    torch.manual_seed(0)
    H, G = heads
    parts = [torch.randn(2, 64, n, 16).bfloat16().requires_grad_() for n in (H, G, G)]
    exact = [x.detach().double().requires_grad_() for x in parts]
    visible = Visibility(causal=True)
    out, truth = softmax_attention(*parts, visible), naive_attention(*exact, visible)
    with torch.no_grad():
        torchs = softmax_attention(*parts, visible)  # without gradients, torch's kernel
    assert out.grad_fn is not None
    assert torchs.grad_fn is None
    error, theirs = (float((x.double() - truth).norm().detach() / truth.norm().detach()) for x in (out, torchs))
    # Scores are rounded to 8 bits before softmax, 2^-9 of numbers around 1 in a sum of as many: below 1 %.
    assert error < 1e-2
    assert theirs < 1e-2
    out.sum().backward()
    truth.sum().backward()
    for mine, right in zip(parts, exact):
        assert float((mine.grad.double() - right.grad).norm() / right.grad.norm()) < 3e-2
