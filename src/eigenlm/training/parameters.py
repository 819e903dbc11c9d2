"""How many numbers a transformer learns, by part."""

from dataclasses import dataclass
from functools import lru_cache

from eigenlm.model import Transformer, TransformerConfig
from eigenlm.training.optimizers import roles
from eigenlm.training.tally import Amounts, blocks_of, of_all_layers


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Counts of a model's parameters by part; biases count with their matrix.

    Attributes:
        embedding: token, position and segment vectors.
        attention: query, key, value and output, of self- and cross-attention.
        feed_forward: gate, up and down.
        norms: of blocks, of heads, of the embedding and at the end.
        head: the logits' own matrix (none if tied), its bias, its transform, and the pooler.
        hidden_matrices: those of the blocks without biases: what a matrix optimizer takes.
        largest_matrix: numbers of the largest of these.
    """

    embedding: int
    attention: int
    feed_forward: int
    norms: int
    head: int
    hidden_matrices: int
    largest_matrix: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.embedding + self.attention + self.feed_forward + self.norms + self.head


@lru_cache(maxsize=64)
def count_parameters(config: TransformerConfig) -> Parameters:
    """Counts of `Transformer(config)`, built where it takes no memory.

    >>> from eigenlm.model import SoftmaxConfig, DenseFeedForward
    >>> gpt2 = TransformerConfig.uniform(
    ...     vocab_size=50257, context_length=1024, d_model=768, num_layers=12,
    ...     attention=SoftmaxConfig(num_heads=12, num_kv_heads=12, head_dim=64, bias=True, output_bias=True),
    ...     feed_forward=DenseFeedForward(d_ff=3072))
    >>> count_parameters(gpt2).total
    124439808
    """
    return Parameters(**{name: int(count) for name, count in of_all_layers(config, _counts).items()})


def _counts(model: Transformer) -> Amounts:
    parts = dict.fromkeys(("embedding", "attention", "feed_forward", "norms", "head"), 0.0)
    for name, parameter in model.named_parameters():
        parts[_part(name)] += parameter.numel()
    sizes = [p.numel() for block in blocks_of(model) for p in roles(block).hidden]
    return {**parts, "hidden_matrices": sum(sizes), "largest_matrix": max(sizes)}


def _part(name: str) -> str:
    if "norm" in name:
        return "norms"
    if name.startswith("embedding"):
        return "embedding"
    if name.startswith(("head", "pooler")):
        return "head"
    return "attention" if "attention" in name else "feed_forward"
