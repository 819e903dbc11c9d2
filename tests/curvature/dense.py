"""A tiny transformer and its Gauss-Newton matrix and Hessian, entry by entry, in float64."""

import torch
import torch.nn.functional as F
from torch.func import functional_call, hessian, jacrev

from eigenlm.model import DenseFeedForward, NormConfig, RotaryConfig, SoftmaxConfig, TransformerConfig
from tests.model.test_transformer import build

TINY = TransformerConfig.uniform(
    vocab_size=11,
    context_length=8,
    d_model=6,
    num_layers=2,
    attention=SoftmaxConfig(num_heads=2, num_kv_heads=1, head_dim=2),
    feed_forward=DenseFeedForward(d_ff=7, activation="silu", gated=True, bias=False),
    norm=NormConfig(kind="rms"),
    rotary=RotaryConfig(),
)


def tiny():
    model = build(TINY, torch.float64)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)  # logits that differ, so that the softmax has some shape
    windows = torch.randint(0, 11, (2, 6), generator=torch.Generator().manual_seed(3))
    return model, windows


def sizes_of(model):
    return {name: p.numel() for name, p in model.named_parameters()}


def slices(sizes):
    ends = torch.tensor(list(sizes.values())).cumsum(0).tolist()
    return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends)}


def _split(model, v):
    pieces = v.split(list(sizes_of(model).values()))
    return {name: piece.view(p.shape) for piece, (name, p) in zip(pieces, model.named_parameters())}


def vector_of(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def logits_of_vector(model, windows, v):
    return functional_call(model, _split(model, v), (windows[:, :-1],)).flatten(0, 1)


def dense_gauss_newton(model, windows):
    """1 / N sum_n J_n^T (diag p - p p^T) J_n."""
    v = vector_of(model)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        J = jacrev(lambda v: logits_of_vector(model, windows, v))(v)
        p = logits_of_vector(model, windows, v).softmax(-1)
    H = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    return torch.einsum("nvi,nvw,nwj->ij", J, H, J) / len(p)


def dense_hessian(model, windows):
    def loss(v):
        return F.cross_entropy(logits_of_vector(model, windows, v), windows[:, 1:].flatten())

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return hessian(loss)(vector_of(model))
