"""A mixture of experts: a router sends each token to a few of many feed-forward layers."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.errors import ConfigError, explain
from eigenlm.linear import DenseLinear
from eigenlm.machine.kernels import has_numbers
from eigenlm.model.activations import check_activation
from eigenlm.model.feed_forward import DenseFeedForward, FeedForwardConfig


@dataclass(frozen=True, kw_only=True)
class MixtureConfig(FeedForwardConfig):
    """Sizes and form of a mixture of experts; source: arXiv:2401.04088, section 2.1.

    Attributes:
        num_experts: how many there are.
        top_k: how many a token goes to.
        d_ff: F, the inner width of an expert.
        activation: of the experts, see `DenseFeedForward`.
        gated: likewise.
        bias: whether the experts' matrices have one.
        router_bias: whether the router has one.
        softmax_over: the weights of the chosen experts sum to 1 if the softmax is over the `chosen` (Mixtral, gpt-oss),
            and to less if it is over `all` (some Qwen 3).
    """

    kind = "mixture"

    num_experts: int
    top_k: int
    d_ff: int
    activation: str = "silu"
    gated: bool = True
    bias: bool = False
    router_bias: bool = False
    softmax_over: Literal["chosen", "all"] = "chosen"

    def check(self) -> None:
        """Refuse sizes that make no layer."""
        if self.d_ff < 1 or self.num_experts < 1:
            got = f"{self.num_experts} experts of width {self.d_ff}"
            raise ConfigError(explain("feed_forward", expected="at least one expert, of width 1 or more", got=got))
        if not 1 <= self.top_k <= self.num_experts:
            expected = f"1 to {self.num_experts}, the number of experts"
            raise ConfigError(explain("feed_forward.top_k", expected=expected, got=self.top_k))
        check_activation(self.activation, gated=self.gated)

    def build(self, d_model: int) -> nn.Module:
        """The layer."""
        return Mixture(self, d_model)


class Mixture(nn.Module):
    """sum over the chosen experts of weight * expert(x), the weights by softmax of the router's scores."""

    def __init__(self, config: MixtureConfig, d_model: int) -> None:
        super().__init__()
        self.top_k, self.over_chosen = config.top_k, config.softmax_over == "chosen"
        self.router = DenseLinear(d_model, config.num_experts, config.router_bias)
        expert = DenseFeedForward(d_ff=config.d_ff, activation=config.activation, gated=config.gated, bias=config.bias)
        self.experts = nn.ModuleList(expert.build(d_model) for _ in range(config.num_experts))

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        """Each token through its experts."""
        x_CD = x.flatten(0, -2)
        weights_CE, chosen_CE = self.route(x_CD)
        out_CD = torch.zeros_like(x_CD)
        for number, expert in enumerate(self.experts):
            token, rank = _sent_to(number, chosen_CE, len(self.experts))
            # In training all of them, so that ranks whose tokens choose otherwise have gradients of the same matrices.
            if len(token) or torch.is_grad_enabled():
                out_CD = out_CD.index_add(0, token, expert(x_CD[token]) * weights_CE[token, rank, None])
        return out_CD.view_as(x)

    def route(self, x: Float[Tensor, "C D"]) -> tuple[Float[Tensor, "C top_k"], Tensor]:
        """Weights and numbers of the experts that each token goes to."""
        scores_CE = self.router(x).float()
        if not self.over_chosen:
            scores_CE = scores_CE.softmax(dim=-1)
        best_CE, chosen_CE = scores_CE.topk(self.top_k, dim=-1)
        weights_CE = best_CE.softmax(dim=-1) if self.over_chosen else best_CE
        return weights_CE.to(x.dtype), chosen_CE


def _sent_to(number: int, chosen_CE: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """The tokens that chose an expert, and as which of their choices; equal shares where it is only counted."""
    if has_numbers(chosen_CE):
        token, rank = (chosen_CE == number).nonzero(as_tuple=True)
        return token, rank
    tokens, choices = chosen_CE.shape
    share = torch.arange(-(-tokens * choices // num_experts), device=chosen_CE.device)
    return share % tokens, share % choices
