"""How a step is carried out, where that is a choice."""

from dataclasses import dataclass
from typing import Literal

from eigenlm.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Execution:
    """The choices that change memory and time but not the result.

    Attributes:
        compiled: whether neighbouring additions, norms and casts are one kernel.
        checkpoint: `none` keeps what autograd keeps; `selective` keeps each block's input, its attention and every
            second matrix product and computes the rest again; `full` keeps block inputs alone (arXiv:2205.05198).
        loss: `chunked` never forms all logits; `fused` forms them in the activations' precision; `full` also in float32
            with their softmax and its gradient, as plain `F.cross_entropy` does.
        float8: whether the blocks' products are in float8.
    """

    compiled: bool = False
    checkpoint: Literal["none", "selective", "full"] = "none"
    loss: Literal["chunked", "fused", "full"] = "chunked"
    float8: bool = False


def execution_of(recipe: Recipe) -> Execution:
    """What `eigenlm train` does with a recipe."""
    return Execution(compiled=recipe.train.compile)
