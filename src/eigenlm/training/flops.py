"""How many operations a token costs."""

from dataclasses import dataclass, replace

from eigenlm.model import TransformerConfig
from eigenlm.training.batch_sizes import BatchSizes, batch_of
from eigenlm.training.parameters import count_parameters
from eigenlm.training.recipe import Recipe
from eigenlm.training.tally import forward_pass


@dataclass(frozen=True, kw_only=True)
class Flops:
    """Operations, a multiply and an add being two; norms, softmax and activations, under 1 %, are not counted.

    forward = matrices + attention, with matrices = 2 * (entries a token is multiplied by, the head's included and the
    embedding's look-up not) and attention = 4 H K * (keys seen) a layer, for Q K^T and the weighted sum of V.
    backward = 2 forward: each product has two gradients; what is computed twice to save memory does not count.
    So unhalved, a step is 6 N + 12 L H K T a token: arXiv:2204.02311, appendix B, with N without the embedding.

    Attributes:
        matrices: forward, of all matrix products with weights, for the whole batch.
        attention: forward, of every query with every key (the unhalved convention of PaLM).
        attention_causal: forward, of every query with the keys it may see: (T + 1) / 2 of T on average.
        tokens: in the batch, those that are scored.
        num_parameters: N of the 6 N rule, all parameters.
    """

    matrices: float
    attention: float
    attention_causal: float
    tokens: int
    num_parameters: int

    @property
    def step(self) -> float:
        """Forward and backward, causal attention halved."""
        return 3 * (self.matrices + self.attention_causal)

    @property
    def step_unhalved(self) -> float:
        """Forward and backward with attention counted in full: what most published MFU use."""
        return 3 * (self.matrices + self.attention)

    @property
    def six_n(self) -> float:
        """6 N a token, the rule of thumb (arXiv:2001.08361, section 2.1)."""
        return 6.0 * self.num_parameters * self.tokens


def count_flops(config: TransformerConfig, batch: BatchSizes) -> Flops:
    """Operations of a pass of `batch` through the model, counted as it runs without memory."""
    done = forward_pass(config, batch)
    return Flops(
        matrices=done["products"] + done["head"],
        attention=done["attention"],
        attention_causal=done["attention_seen"],
        tokens=batch.rows,
        num_parameters=count_parameters(config).total,
    )


def batch_flops(recipe: Recipe) -> Flops:
    """Operations of one optimizer step of a recipe, all micro-batches and ranks together: the numerator of MFU."""
    batch = batch_of(recipe, recipe.layout.tensor)  # the fewest devices that the layout takes
    return count_flops(recipe.model, replace(batch, texts=recipe.train.batch_size, accumulation=1))
