"""Dense curvature of tiny modules in float64 by torch.func, the truth that operators are compared with."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from eigenlm.model import DenseFeedForward, NormConfig, RotaryConfig, SoftmaxConfig, Transformer, TransformerConfig


def tiny_transformer(
    seed: int = 1,
    *,
    kind: str = "gpt",
    d_model: int = 4,
    num_layers: int = 1,
    vocab_size: int = 7,
    dtype: torch.dtype = torch.float64,
) -> Transformer:
    """A few hundred parameters, away from the initial point where much of the curvature vanishes."""
    torch.manual_seed(seed)
    llama = kind == "llama"
    model = Transformer(
        TransformerConfig.uniform(
            vocab_size=vocab_size,
            context_length=8,
            d_model=d_model,
            num_layers=num_layers,
            attention=SoftmaxConfig(num_heads=2, num_kv_heads=1, head_dim=2),
            feed_forward=DenseFeedForward(
                d_ff=6, activation="silu" if llama else "gelu_tanh", gated=llama, bias=not llama
            ),
            norm=NormConfig(kind="rms" if llama else "layer"),
            rotary=RotaryConfig() if llama else None,
        )
    ).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, dtype=dtype))
    return model


def function_of_vector(
    module: nn.Module, inputs: Tensor, names: list[str]
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """w -> module(inputs) for the named parameters as one vector w, and their present value."""
    present = dict(module.named_parameters(remove_duplicate=False))
    shapes = [present[name].shape for name in names]
    w = torch.cat([present[name].detach().flatten() for name in names])

    def function(w: Tensor) -> Tensor:
        pieces = w.split([shape.numel() for shape in shapes])
        weights = {name: piece.view(shape) for name, piece, shape in zip(names, pieces, shapes)}
        return torch.func.functional_call(module, weights, (inputs,))

    return function, w


def dense_hessian(
    module: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, target: Tensor, names: list[str]
) -> Tensor:
    """Every second derivative of loss(module(inputs), target)."""
    function, w = function_of_vector(module, inputs, names)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return torch.autograd.functional.hessian(lambda w: loss(function(w), target), w)


def dense_gauss_newton(
    module: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, target: Tensor, names: list[str]
) -> Tensor:
    """J^T H J with the whole Jacobian of the output and the whole Hessian of the loss there."""
    function, w = function_of_vector(module, inputs, names)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        J = torch.autograd.functional.jacobian(function, w).flatten(0, -2)
        z = function(w).detach()
    H = torch.autograd.functional.hessian(lambda z: loss(z, target), z).reshape(z.numel(), z.numel())
    return J.mT @ H @ J


def columns(A: object, n: int) -> Tensor:
    """An operator's products with all unit vectors."""
    return torch.stack([A @ e for e in torch.eye(n, dtype=torch.float64)], dim=1)  # type: ignore[operator]
