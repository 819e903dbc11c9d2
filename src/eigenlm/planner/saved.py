"""What autograd keeps from the forward pass for the backward pass, op by op."""

from dataclasses import dataclass

from eigenlm.attention.blocked import BLOCK, KEPT_BYTES
from eigenlm.model import TransformerConfig
from eigenlm.planner.machine import Device
from eigenlm.training.batch_sizes import Batch
from eigenlm.training.parameters import count_parameters

_FLOAT32, _INT64 = 4, 8
# As in `attention.blocked`, which computes bfloat16 attention on a CPU: queries a block, and when weights are kept.


@dataclass(frozen=True, kw_only=True)
class Activations:
    """In what a pass keeps its numbers.

    Attributes:
        number: bytes of one: 4 (float32) or 2 (bfloat16); weights are float32.
        products: attention by blocks of plain products, which keep their weights (`attention.blocked`).
        fused_norms: the norms' kernels keep a float32 copy of their input and its statistics, and nothing else.
    """

    number: int
    products: bool = False
    fused_norms: bool = False


def activations_of(precision: str, device: Device) -> Activations:
    """What the model does in `float32` or `bfloat16` on a device."""
    half = precision == "bfloat16"
    return Activations(
        number=2 if half else _FLOAT32, products=half and device == "cpu", fused_norms=half and device == "cuda"
    )


@dataclass(frozen=True, kw_only=True)
class Saved:
    """Bytes alive at the end of the forward pass, beside the parameters.

    Attributes:
        norms: what norms keep of their inputs, with mean and deviation.
        attention: inputs of its products, queries, keys, values, the heads' outputs, log-sum-exps, masks.
        feed_forward: inputs of its products and of its activation.
        dropout: masks.
        embedding: ids, positions, the tables of rotations.
        weight_casts: low-precision copies of the weights, made where they are used.
    """

    norms: float
    attention: float
    feed_forward: float
    dropout: float
    embedding: float
    weight_casts: float

    @property
    def total(self) -> float:
        """All of them."""
        activations = self.norms + self.attention + self.feed_forward + self.dropout + self.embedding
        return activations + self.weight_casts


def saved_for_backward(config: TransformerConfig, batch: Batch, kind: Activations, *, separate: bool = False) -> Saved:
    """Bytes that one micro-batch's pass to the last hidden vectors leaves for its backward pass.

    Args:
        config: of the model.
        batch: sizes.
        kind: of the numbers.
        separate: whether documents of a row are hidden from each other, which takes a mask.
    """
    T, S = batch.rows, batch.texts * batch.source_tokens
    N, E = config.num_layers, config.num_encoder_layers
    D, crossing = config.d_model, config.kind == "encoder_decoder"
    parts = 3 if crossing else 2
    norm, feed_forward = _norm(config, D, kind), _feed_forward(config, kind)
    masked = separate or config.attention.window is not None
    causal = config.kind != "encoder" and not masked
    attention = T * N * _attention(config, batch, kind, batch.tokens, causal)
    if crossing:
        attention += S * E * _attention(config, batch, kind, batch.source_tokens, False)
        attention += _cross_attention(config, batch, kind)
    # A mask is made a matrix of numbers for each layer by torch's kernel.
    pairs = batch.texts * (N * batch.tokens**2 + E * batch.source_tokens**2)
    masks = pairs * kind.number * (masked and not kind.products)
    dropout = D * (config.dropout > 0)
    embedded = D * _FLOAT32 * (config.dropout > 0)
    norms = (T * (parts * N + config.final_norm) + S * (2 * E + config.final_norm)) * norm
    norms += (T + S) * config.embedding.norm * _norm(config, D, Activations(number=_FLOAT32))
    return Saved(
        norms=float(norms),
        attention=float(attention + masks),
        feed_forward=float((T * N + S * E) * feed_forward),
        dropout=float(dropout * kind.number * (T * parts * N + S * 2 * E) + (T + S) * embedded),
        embedding=float((T + S) * _embedding(config, kind)),
        weight_casts=float(kind.number < _FLOAT32) * kind.number * count_parameters(config).hidden_matrices,
    )


def _norm(config: TransformerConfig, width: int, kind: Activations) -> int:
    """Layer norm keeps its input, mean and deviation; rms norm, made of simple steps, keeps x and x / rms in float32.

    Of a float32 x, and of a lower precision's float32 copy alike.
    """
    if kind.fused_norms:
        return (width + 2) * _FLOAT32
    if config.norm.kind == "layer":
        return width * kind.number + 2 * _FLOAT32
    return 2 * width * _FLOAT32 + _FLOAT32


def _attention(config: TransformerConfig, batch: Batch, kind: Activations, length: int, causal: bool) -> int:
    """Of a token: x, what the attention's kernel keeps, and the heads' outputs, the output product's input."""
    a = config.attention
    normed = (a.num_heads + a.num_kv_heads) * _norm(config, a.head_dim, kind) * a.query_key_norm
    kernel = _queries(config, kind) + _keys(config, kind) + _weights(config, batch, kind, length, length, causal)
    return (config.d_model + a.num_heads * a.head_dim) * kind.number + kernel + normed


def _cross_attention(config: TransformerConfig, batch: Batch, kind: Activations) -> int:
    """As `_attention`, of all tokens; the source's vectors, of which keys and values are made, are kept once."""
    T, S = batch.tokens, batch.source_tokens
    width = config.d_model + config.attention.num_heads * config.attention.head_dim
    of_target = width * kind.number + _queries(config, kind) + _weights(config, batch, kind, T, S, False)
    a_layer = T * of_target + S * _keys(config, kind)
    return batch.texts * (config.num_layers * a_layer + S * config.d_model * kind.number)


def _queries(config: TransformerConfig, kind: Activations) -> int:
    """Queries; torch's fused kernel (float32) keeps a log-sum-exp a head as well."""
    a = config.attention
    return a.num_heads * a.head_dim * kind.number + a.num_heads * _FLOAT32 * (not kind.products)


def _keys(config: TransformerConfig, kind: Activations) -> int:
    """Keys and values; by products (bfloat16) each query head has its own copy."""
    a = config.attention
    return 2 * (a.num_kv_heads if not kind.products else a.num_heads) * a.head_dim * kind.number


def _weights(config: TransformerConfig, batch: Batch, kind: Activations, length: int, keys: int, causal: bool) -> int:
    """Weights of a query over all heads, a mean over queries: kept by products as long as a layer's are small."""
    heads = config.attention.num_heads
    if not kind.products or batch.texts * heads * length * keys * kind.number > KEPT_BYTES:
        return 0
    blocks = [(start, min(start + BLOCK, length)) for start in range(0, length, BLOCK)]
    pairs = sum((end - start) * end for start, end in blocks) if causal else length * keys
    return heads * pairs * kind.number // length


def _feed_forward(config: TransformerConfig, kind: Activations) -> int:
    """x, and of the inner width: relu its result; gelu its input and result; swiglu gate, silu, up and product."""
    inner = {"relu": 1, "gelu": 2, "gelu_tanh": 2, "swiglu": 4}[config.feed_forward.activation]
    return (config.d_model + inner * config.feed_forward.d_ff) * kind.number


def _embedding(config: TransformerConfig, kind: Activations) -> int:
    """Ids of token, position and segment, and cos and sin of half a head."""
    ids = 1 + (config.positions.kind == "learned") + (config.embedding.num_token_types > 0)
    return ids * _INT64 + config.attention.head_dim * kind.number * (config.positions.kind == "rotary")
