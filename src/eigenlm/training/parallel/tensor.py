"""Tensor parallel: ranks share each matrix of attention and feed-forward."""

from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import Replicate
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

from eigenlm.attention import MultiHeadAttention
from eigenlm.attention.linear import LinearAttention
from eigenlm.errors import ConfigError, explain
from eigenlm.linear import DenseLinear
from eigenlm.model import FeedForward, GatedFeedForward


def split_matrices_(module: nn.Module, mesh: DeviceMesh) -> None:
    """Give each rank its heads and its inner units: rows of what makes them, columns of what takes them back.

    The two matrices of a pair need one sum over ranks forward and one backward, and no other exchange
    (arXiv:1909.08053, section 3). Embedding, norms and head stay whole, and equal on all ranks; so does attention whose
    heads share more than their input and output (sinks, relative bias, a norm over all heads).

    Raises:
        ConfigError: heads or inner units do not divide by the ranks, or a layer is no dense one.
    """
    for name, part in list(module.named_modules()):
        if isinstance(part, (MultiHeadAttention, LinearAttention)) and not _shares_among_heads(part):
            _check_widths(name, (part.query, part.key, part.value), mesh.size(), part.head_dim)
            parallelize_module(part, mesh, _attention_plan(part))
            for norm in _norms_of_a_head(part).values():
                _sum_gradients_(norm)
        if isinstance(part, (FeedForward, GatedFeedForward)):
            _check_widths(name, (part.up,), mesh.size(), 1)
            parallelize_module(part, mesh, _feed_forward_plan(part))


def _shares_among_heads(attention: MultiHeadAttention | LinearAttention) -> bool:
    if isinstance(attention, LinearAttention):
        return False
    scores = attention.softmax.scores
    return attention.norms_whole or scores.sinks is not None or scores.bias is not None


def _norms_of_a_head(attention: MultiHeadAttention | LinearAttention) -> dict[str, nn.Module]:
    named = {name: getattr(attention, name, None) for name in ("query_norm", "key_norm")}
    return {name: norm for name, norm in named.items() if norm is not None}


def _attention_plan(attention: MultiHeadAttention | LinearAttention) -> dict[str, ParallelStyle]:
    plan: dict[str, ParallelStyle] = {name: ColwiseParallel() for name in ("query", "key", "value")}
    plan["output"] = RowwiseParallel()
    # One weight for all heads, each rank with its own: as the norm of sequence parallel is for tokens.
    normed = {name: SequenceParallel(sequence_dim=2, use_local_output=True) for name in _norms_of_a_head(attention)}
    return plan | normed


def _feed_forward_plan(feed_forward: FeedForward | GatedFeedForward) -> dict[str, ParallelStyle]:
    plan: dict[str, ParallelStyle] = {"up": ColwiseParallel(), "down": RowwiseParallel()}
    if isinstance(feed_forward, GatedFeedForward):
        plan["gate"] = ColwiseParallel()
    return plan


def _sum_gradients_(module: nn.Module) -> None:
    """Sum over ranks the gradients of weights that each applies to its own part; FSDP does so by itself."""
    for parameter in module.parameters():
        parameter.register_hook(lambda gradient: gradient.redistribute(placements=[Replicate()]))


def _check_widths(name: str, layers: tuple[nn.Module, ...], size: int, unit: int) -> None:
    for layer in layers:
        if not isinstance(layer, DenseLinear):
            raise ConfigError(explain(f"layout.tensor on {name}", expected="dense layers", got=type(layer).__name__))
        if layer.out_features // unit % size:
            what = "heads" if unit > 1 else "inner units"
            raise ConfigError(
                explain(
                    f"layout.tensor on {name}", expected=f"{what} that {size} divides", got=layer.out_features // unit
                )
            )
