"""How many numbers a transformer learns, by part, from its config alone."""

from dataclasses import dataclass

from eigenlm.model import TransformerConfig


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Counts of a model's parameters by part; biases count with their matrix.

    Attributes:
        embedding: token, position and segment vectors.
        attention: query, key, value and output, of self- and cross-attention.
        feed_forward: gate, up and down.
        norms: of blocks, of heads, of the embedding and at the end.
        head: the logits' own matrix (none if tied), its bias, its transform, and the pooler.
        hidden_matrices: those of `attention` and `feed_forward` without biases: what a matrix optimizer takes.
    """

    embedding: int
    attention: int
    feed_forward: int
    norms: int
    head: int
    hidden_matrices: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.embedding + self.attention + self.feed_forward + self.norms + self.head


def count_parameters(config: TransformerConfig) -> Parameters:
    """Exact counts, equal to those of `Transformer(config)`.

    >>> from eigenlm.model import SoftmaxConfig, DenseFeedForward
    >>> gpt2 = TransformerConfig.uniform(
    ...     vocab_size=50257, context_length=1024, d_model=768, num_layers=12,
    ...     attention=SoftmaxConfig(num_heads=12, num_kv_heads=12, head_dim=64, bias=True, output_bias=True),
    ...     feed_forward=DenseFeedForward(d_ff=3072))
    >>> count_parameters(gpt2).total
    124439808
    """
    blocks = config.num_layers + config.num_encoder_layers
    crossings = config.num_layers if config.kind == "encoder_decoder" else 0
    attention, feed_forward = attention_matrices(config), feed_forward_matrices(config)
    return Parameters(
        embedding=_embedding(config),
        attention=(blocks + crossings) * (attention + _attention_biases(config)),
        feed_forward=blocks * (feed_forward + _feed_forward_biases(config)),
        norms=_norms(config, blocks, crossings),
        head=_head(config),
        hidden_matrices=(blocks + crossings) * attention + blocks * feed_forward,
    )


def attention_matrices(config: TransformerConfig) -> int:
    """D H K + 2 D G K + H K D: query, key, value, output of one attention."""
    a = config.attention
    return 2 * config.d_model * a.head_dim * (a.num_heads + a.num_kv_heads)


def feed_forward_matrices(config: TransformerConfig) -> int:
    """2 D F, or 3 D F with a gate."""
    return (3 if config.feed_forward.activation == "swiglu" else 2) * config.d_model * config.feed_forward.d_ff


def head_matrices(config: TransformerConfig) -> int:
    """V D, tied or not, and D^2 for a transform: what each token is multiplied by on its way to logits."""
    if config.head is None:
        return 0
    return config.vocab_size * config.d_model + config.d_model**2 * config.head.transform


def _attention_biases(config: TransformerConfig) -> int:
    a = config.attention
    inner = (a.num_heads + 2 * a.num_kv_heads) * a.head_dim
    return a.bias * inner + a.output_bias * config.d_model


def _feed_forward_biases(config: TransformerConfig) -> int:
    inner = (2 if config.feed_forward.activation == "swiglu" else 1) * config.feed_forward.d_ff
    return config.feed_forward.bias * (inner + config.d_model)


def _embedding(config: TransformerConfig) -> int:
    positions = config.context_length if config.positions.kind == "learned" else 0
    return (config.vocab_size + positions + config.embedding.num_token_types) * config.d_model


def _norms(config: TransformerConfig, blocks: int, crossings: int) -> int:
    numbers = 2 if config.norm.kind == "layer" else 1
    stacks = 2 if config.kind == "encoder_decoder" else 1
    transform = config.head is not None and config.head.transform
    of_stream = 2 * blocks + crossings + stacks * config.final_norm + config.embedding.norm + transform
    of_heads = 2 * (blocks + crossings) * config.attention.query_key_norm
    return numbers * (of_stream * config.d_model + of_heads * config.attention.head_dim)


def _head(config: TransformerConfig) -> int:
    D, V = config.d_model, config.vocab_size
    square = D * (D + 1)
    head = 0
    if config.head is not None:
        head = V * D * (not config.head.tied) + V * config.head.bias + square * config.head.transform
    return head + square * config.pooler
