"""One block: attention, attention to an encoder where there is one, feed-forward, each around a residual."""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.attention import LayerState, Visibility
from eigenlm.model.attention import CrossAttention, MultiHeadAttention
from eigenlm.model.config import TransformerConfig
from eigenlm.model.feed_forward import FeedForward
from eigenlm.model.positions import Rotation
from eigenlm.norms import build_norm


@dataclass(frozen=True)
class Memory:
    """An encoder's output and which of its places a decoder may look at."""

    hidden: Float[Tensor, "B S D"]
    visible: Visibility


class Block(nn.Module):
    """x + f(norm(x)) for each part f (pre-norm), or norm(x + f(x)) (post-norm, as in 2017)."""

    def __init__(self, config: TransformerConfig, *, attends_to_encoder: bool = False) -> None:
        super().__init__()
        self.pre_norm = config.norm_position == "pre"
        self.dropout = config.dropout
        self.attention_norm = build_norm(config.norm, config.d_model)
        self.attention = MultiHeadAttention(config.attention, config.d_model, config.norm)
        if attends_to_encoder:
            self.cross_attention_norm = build_norm(config.norm, config.d_model)
            self.cross_attention = CrossAttention(config.attention, config.d_model, config.norm)
        self.feed_forward_norm = build_norm(config.norm, config.d_model)
        self.feed_forward = FeedForward(config.feed_forward, config.d_model)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        visible: Visibility,
        turn: Rotation | None = None,
        state: LayerState | None = None,
        memory: Memory | None = None,
        memory_state: LayerState | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Pass the residual stream through the block."""
        x = self._residual(x, self.attention_norm, lambda h: self.attention(h, visible, turn, state))
        if memory is not None:
            x = self._residual(
                x,
                self.cross_attention_norm,
                lambda h: self.cross_attention(h, memory.hidden, memory.visible, memory_state),
            )
        return self._residual(x, self.feed_forward_norm, self.feed_forward)

    def _residual(self, x: Tensor, norm: nn.Module, part: Callable[[Tensor], Tensor]) -> Tensor:
        change = part(norm(x) if self.pre_norm else x)
        if self.training and self.dropout:
            change = F.dropout(change, self.dropout)
        return x + change if self.pre_norm else norm(x + change)
