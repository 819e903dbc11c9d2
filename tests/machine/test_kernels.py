"""Private operations against public ones, and what happens where there is none."""

import pytest
import torch
import torch.nn.functional as F

from eigenlm.machine import kernels


def test_softmax_backward_is_autograds() -> None:
    torch.manual_seed(0)
    scores = torch.randn(3, 5, 7, dtype=torch.float64, requires_grad=True)
    weights = scores.softmax(-1)
    gradient = torch.randn_like(weights)
    (truth,) = torch.autograd.grad(weights, scores, gradient, retain_graph=True)
    for act in (kernels.softmax_backward, kernels._softmax_backward_by_formula):
        torch.testing.assert_close(act(gradient, weights.detach()), truth)


def test_a_packed_matrix_multiplies_as_the_matrix() -> None:
    torch.manual_seed(0)
    x, W, b = torch.randn(5, 33), torch.randn(17, 33), torch.randn(17)
    torch.testing.assert_close(kernels.packed_linear(x, kernels.pack_weight(W), b), F.linear(x, W, b))


def test_lists_are_scaled_and_measured() -> None:
    tensors = [torch.tensor([3.0, 4.0]), torch.ones(2, 2)]
    assert kernels.norms(tensors).tolist() == [5.0, 2.0]
    kernels.scale_all_(tensors, torch.tensor(2.0))
    assert kernels.norms(tensors).tolist() == [10.0, 4.0]


def refuse(x: torch.Tensor) -> torch.Tensor:
    raise NotImplementedError


@pytest.mark.parametrize("broken", [lambda x: x + 1, lambda x: torch.ops.aten.none_such(x), refuse])
def test_what_fails_or_errs_gives_way(broken) -> None:
    assert kernels.working(broken, torch.exp, lambda: (torch.ones(2),)) is torch.exp


def test_what_agrees_stays() -> None:
    quick = torch.special.exp2
    assert kernels.working(quick, lambda x: 2.0**x, lambda: (torch.ones(2),)) is quick


def test_tensors_without_memory_have_a_device_and_a_size() -> None:
    with kernels.without_memory():
        W = torch.empty(10**9, 10**6)
    y = torch.zeros(3, 10**6) @ W.mT
    assert (y.shape, y.device.type) == ((3, 10**9), "cpu")
