"""One block: attention, attention to an encoder where there is one, feed-forward, each around a residual."""

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.attention import CrossAttention, Memory, Place
from eigenlm.attention.state import KeyValueState
from eigenlm.model.layer import LayerConfig
from eigenlm.norms import build_norm

Part = Callable[[Tensor], Tensor]

# How a part joins the stream, from x, the part, the norm before it and the norm after it.
_JOINS: dict[str, Callable[[Tensor, Part, Part, Part], Tensor]] = {
    "pre": lambda x, part, before, after: x + part(before(x)),
    "post": lambda x, part, before, after: before(x + part(x)),
    "output": lambda x, part, before, after: x + after(part(x)),
    "sandwich": lambda x, part, before, after: x + after(part(before(x))),
}


class Block(nn.Module):
    """The parts of a layer, each around a residual, as `LayerConfig.norm_position` says."""

    def __init__(self, config: LayerConfig, d_model: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.join, self.dropout, self.scale = _JOINS[config.norm_position], dropout, config.residual_scale
        has_before, has_after = config.norm_position != "output", config.norm_position in ("output", "sandwich")

        def norm(wanted: bool) -> nn.Module:
            return build_norm(config.norm, d_model) if wanted else nn.Identity()

        self.attention_norm = norm(has_before and config.attention_norm)
        self.attention = config.attention.build(d_model, config.norm)
        self.attention_output_norm = norm(has_after)
        if config.cross_attention is not None:
            self.cross_attention_norm = norm(has_before)
            self.cross_attention = CrossAttention(config.cross_attention, d_model, config.norm)
            self.cross_attention_output_norm = norm(has_after)
        self.feed_forward_norm = norm(has_before and config.parallel != "one_norm")
        self.feed_forward = config.feed_forward.build(d_model)
        self.feed_forward_output_norm = norm(has_after)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        place: Place,
        state: Any = None,
        memory: Memory | None = None,
        memory_state: KeyValueState | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Pass the residual stream through the block."""
        x = self.join(
            x,
            lambda h: self._kept(self.attention(h, place, state)),
            self.attention_norm,
            self.attention_output_norm,
        )
        if memory is not None:
            x = self.join(
                x,
                lambda h: self._kept(self.cross_attention(h, memory, memory_state)),
                self.cross_attention_norm,
                self.cross_attention_output_norm,
            )
        return self.join(
            x,
            lambda h: self._kept(self.feed_forward(h)),
            self.feed_forward_norm,
            self.feed_forward_output_norm,
        )

    def _kept(self, change: Tensor) -> Tensor:
        if self.training and self.dropout:
            change = F.dropout(change, self.dropout)
        return change if self.scale == 1.0 else change * self.scale


class ParallelBlock(Block):
    """x + attention(norm(x)) + feed_forward(norm(x)), the two norms being one or two."""

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        place: Place,
        state: Any = None,
        memory: Memory | None = None,
        memory_state: KeyValueState | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Pass the residual stream through the block."""
        h = self.attention_norm(x)
        g = h if isinstance(self.feed_forward_norm, nn.Identity) else self.feed_forward_norm(x)
        return x + self._kept(self.attention(h, place, state)) + self._kept(self.feed_forward(g))


def build_block(config: LayerConfig, d_model: int, dropout: float = 0.0) -> Block:
    """The block of a layer."""
    return (Block if config.parallel is None else ParallelBlock)(config, d_model, dropout)
