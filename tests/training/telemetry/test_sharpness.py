import pytest
import torch
import torch.nn.functional as F
from torch import nn

from eigenlm.model import DenseFeedForward, SoftmaxConfig, Transformer, TransformerConfig
from eigenlm.training.telemetry import sharpness


def tiny(dtype=torch.float64):
    torch.manual_seed(1)
    model = Transformer(
        TransformerConfig.uniform(
            vocab_size=7,
            context_length=6,
            d_model=4,
            num_layers=1,
            attention=SoftmaxConfig(num_heads=2, num_kv_heads=1, head_dim=2),
            feed_forward=DenseFeedForward(d_ff=6, activation="gelu_tanh"),
        )
    ).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, dtype=dtype))
    return model, torch.randint(0, 7, (3, 6))


def loss_of(model, ids):
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


def test_top_eigenvalue_is_that_of_the_dense_hessian():
    model, ids = tiny()
    names, shapes = zip(*[(name, p.shape) for name, p in model.named_parameters()])
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])

    def loss_at(flat):
        pieces = flat.split([shape.numel() for shape in shapes])
        weights = {name: piece.view(shape) for name, piece, shape in zip(names, pieces, shapes)}
        logits = torch.func.functional_call(model, weights, (ids[:, :-1],))
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        dense = torch.autograd.functional.hessian(loss_at, flat)
    truth = torch.linalg.eigvalsh(dense)[-1].item()
    found = sharpness(lambda: loss_of(model, ids), list(model.parameters()), rel_residual=1e-3)
    assert found.value == pytest.approx(truth, rel=1e-4)  # the square of the residual over the gap
    assert found.products < len(flat)


def test_of_a_quadratic_it_is_exact_and_linear_parts_count_nothing():
    A = torch.diag(torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64))
    x = nn.Parameter(torch.ones(3, dtype=torch.float64))
    y = nn.Parameter(torch.ones(2, dtype=torch.float64))
    unused = nn.Parameter(torch.ones(1, dtype=torch.float64))
    found = sharpness(lambda: x @ A @ x / 2 + y.sum(), [x, y, unused], rel_residual=1e-9)
    assert found.value == pytest.approx(9.0, rel=1e-12)  # float64
    assert sharpness(lambda: y.sum(), [y]).value == 0.0


def test_neither_gradients_nor_random_state_are_touched_and_it_repeats_itself():
    model, ids = tiny(torch.float32)
    state = torch.get_rng_state()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        first = sharpness(lambda: loss_of(model, ids), list(model.parameters()))
    assert first == sharpness(lambda: loss_of(model, ids), list(model.parameters()))
    assert torch.equal(state, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())
