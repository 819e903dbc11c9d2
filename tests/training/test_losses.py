"""The chunked head and loss against float64, in value, gradient and memory."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from eigenlm.errors import ConfigError, DataError, ShapeError
from eigenlm.training import losses
from eigenlm.training.losses import IGNORED, CrossEntropyTerms, linear_cross_entropy

N, D, V = 50, 16, 97


def problem(dtype: torch.dtype, scale: float = 0.5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    hidden, weight = torch.randn(N, D).to(dtype), (torch.randn(V, D) * scale).to(dtype)
    targets = torch.randint(0, V, (N,))
    targets[::7] = IGNORED
    return hidden, weight, targets, torch.randn(V) * 0.1


def truth(hidden, weight, targets, bias, kind: CrossEntropyTerms, softcap: float | None = None) -> list[torch.Tensor]:
    """Loss and gradients by torch, all logits at once, in float64."""
    h, w, b = (x.double().requires_grad_() for x in (hidden, weight, bias))
    logits = F.linear(h, w, b)
    logits = logits if softcap is None else softcap * torch.tanh(logits / softcap)
    loss = F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum", label_smoothing=kind.label_smoothing)
    loss = loss + kind.z_loss * logits.logsumexp(-1)[targets != IGNORED].square().sum()
    loss.backward()
    return [loss, h.grad, w.grad, b.grad]


KINDS = [CrossEntropyTerms(), CrossEntropyTerms(label_smoothing=0.1), CrossEntropyTerms(z_loss=1e-2)]
KINDS += [CrossEntropyTerms(label_smoothing=0.2, z_loss=1e-3)]


@pytest.mark.parametrize("chunk_bytes", [1, 2**30], ids=["chunks", "whole"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("softcap", [None, 2.5])
def test_loss_and_gradients_in_float32(
    softcap: float | None, kind: CrossEntropyTerms, chunk_bytes: int, monkeypatch
) -> None:
    monkeypatch.setattr(losses, "_CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(losses, "_LEAST_ROWS", 16)
    monkeypatch.setattr(losses, "COLUMNS", 40)
    hidden, weight, targets, bias = problem(torch.float32)
    parts = [x.clone().requires_grad_() for x in (hidden, weight, bias)]
    loss = linear_cross_entropy(parts[0], parts[1], targets, parts[2], kind=kind, softcap=softcap)
    (3 * loss).backward()
    right = truth(hidden, weight, targets, bias, kind, softcap)
    assert abs(float(loss.detach()) / float(right[0].detach()) - 1) < 1e-6  # float32 rounds at 6e-8; 50 rows add up
    for mine, theirs in zip(parts, right[1:]):
        assert float((mine.grad / 3 - theirs).norm() / theirs.norm()) < 1e-5


@pytest.mark.parametrize("V", [1000, 32768])
def test_loss_in_bfloat16_is_right_to_1e_5(V: int) -> None:
    # The scale of a model that has learned: logits of standard deviation 2, peaks near 10.
    torch.manual_seed(2)
    hidden, weight = torch.randn(1024, 384).bfloat16(), (torch.randn(V, 384) * 0.1).bfloat16()
    logits = hidden.double() @ weight.double().mT
    targets = torch.distributions.Categorical(logits=logits).sample()
    right = F.cross_entropy(logits, targets, reduction="sum")
    loss = linear_cross_entropy(hidden.requires_grad_(), weight.requires_grad_(), targets)
    assert abs(float(loss.detach().double() / right) - 1) < 1e-5


def test_gradient_in_bfloat16_is_as_near_as_that_of_full_logits() -> None:
    hidden, weight, targets, bias = problem(torch.bfloat16)
    _, right_h, right_w, _ = truth(hidden, weight, targets, bias, CrossEntropyTerms())

    def errors(loss_of) -> tuple[float, float]:
        h, w = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        loss_of(h, w).backward()
        return tuple(float((g.double() - r).norm() / r.norm()) for g, r in zip((h.grad, w.grad), (right_h, right_w)))

    full = errors(
        lambda h, w: F.cross_entropy(F.linear(h, w).float() + bias, targets, ignore_index=IGNORED, reduction="sum")
    )
    chunked = errors(lambda h, w: linear_cross_entropy(h, w, targets, bias))
    assert all(mine <= 1.2 * theirs for mine, theirs in zip(chunked, full))


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that any operation makes, backward included."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.numel = max([self.numel, *(x.numel() for x in tree_leaves(out) if isinstance(x, torch.Tensor))])
        return out


def test_logits_are_never_formed_at_once() -> None:
    hidden, weight = torch.randn(4096, 8).bfloat16().requires_grad_(), torch.randn(5000, 8).requires_grad_()
    targets = torch.randint(0, 5000, (4096,))
    with Largest() as chunked:
        linear_cross_entropy(hidden, weight, targets).backward()
    with Largest() as full:
        F.cross_entropy(F.linear(hidden, weight.bfloat16()).float(), targets).backward()
    assert full.numel == 4096 * 5000
    assert chunked.numel <= losses.chunk_rows(5000) * 5000


@pytest.mark.parametrize("leading", [(), (3,), (2, 4)])
def test_any_leading_shape(leading: tuple[int, ...]) -> None:
    hidden, weight = torch.randn(*leading, 5, D), torch.randn(V, D)
    targets = torch.randint(0, V, (*leading, 5))
    loss = linear_cross_entropy(hidden, weight, targets)
    right = F.cross_entropy(F.linear(hidden, weight).flatten(0, -2), targets.flatten(), reduction="sum")
    torch.testing.assert_close(loss.float(), right)


def test_nothing_to_predict_gives_zero_and_zero_gradients() -> None:
    hidden = torch.randn(4, D, requires_grad=True)
    loss = linear_cross_entropy(
        hidden, torch.randn(V, D), torch.full((4,), IGNORED), kind=CrossEntropyTerms(z_loss=0.1)
    )
    loss.backward()
    assert float(loss.detach()) == 0
    assert not hidden.grad.any()


@pytest.mark.parametrize("target", [V, -1, -99])
def test_target_outside_the_vocabulary(target: int) -> None:
    with pytest.raises(DataError, match=f"token ids from 0 to {V - 1}, or -100, got {target}"):
        linear_cross_entropy(torch.randn(1, D), torch.randn(V, D), torch.tensor([target]))


def test_sizes_that_do_not_belong_together() -> None:
    with pytest.raises(ShapeError, match=r"hidden \(4, 16\), weight \(97, 15\)"):
        linear_cross_entropy(torch.randn(4, D), torch.randn(V, D - 1), torch.zeros(4, dtype=torch.int64))


@pytest.mark.parametrize("values", [{"label_smoothing": 1.0}, {"label_smoothing": -0.1}, {"z_loss": -1.0}])
def test_weights_without_meaning(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        CrossEntropyTerms(**values)
