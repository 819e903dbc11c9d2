"""What an optimizer remembers and does, by its kind."""

from dataclasses import dataclass

from eigenlm.model import TransformerConfig
from eigenlm.train.forecast.parameters import Parameters, count_parameters
from eigenlm.train.recipe import OptimizerRecipe

_FLOAT32 = 4
_NEWTON_SCHULZ_STEPS = 5


@dataclass(frozen=True, kw_only=True)
class OptimizerState:
    """Costs of one optimizer on one model.

    Attributes:
        moments: bytes of averages of gradients and of their squares.
        preconditioners: bytes of the Gram matrices and bases of SOAP and Shampoo.
        working: bytes needed while it steps.
        traffic: bytes read and written by a step.
        flops: operations of a step in matrix products.
    """

    moments: float
    preconditioners: float
    working: float
    traffic: float
    flops: float


def optimizer_state(config: TransformerConfig, recipe: OptimizerRecipe) -> OptimizerState:
    """Costs of `recipe` on the parameters of `config`.

    Adam keeps two averages, SGD and Muon one; Muon, SOAP and Shampoo leave what is not a hidden matrix to AdamW.
    Muon (5 Newton-Schulz steps on m x n, m <= n): 2 m^2 n for the Gram, 2 m^3 for its square, 2 m^2 n for the product.
    SOAP (arXiv:2409.11321, algorithm 3) keeps two Gram matrices and two bases a matrix; Shampoo (arXiv:1802.09568)
    two Gram matrices and two roots.
    """
    counts = count_parameters(config)
    if recipe.kind in ("sgd", "adam", "adamw"):
        numbers, passes = (1, 5) if recipe.kind == "sgd" else (2, 7)
        return OptimizerState(
            moments=float(_FLOAT32 * numbers * counts.total),
            preconditioners=0.0,
            working=0.0,
            traffic=float(_FLOAT32 * passes * counts.total),
            flops=0.0,
        )
    shapes = matrix_shapes(config)
    sides = sum(m * m + n * n for m, n in shapes)
    if recipe.kind == "muon":
        flops = sum(_NEWTON_SCHULZ_STEPS * (4 * m * m * n + 2 * m**3) for m, n in shapes)
        working = max(3 * _FLOAT32 * m * n for m, n in shapes)
        return _with_adam(counts, numbers=1, sides=0, working=working, passes=9, flops=float(flops))
    numbers, passes = (2, 12) if recipe.kind == "soap" else (1, 9)
    flops = sum(2 * (m * m * n + n * n * m) * (3 if recipe.kind == "soap" else 2) for m, n in shapes)
    working = max(4 * _FLOAT32 * (m * n + n * n) for m, n in shapes)
    return _with_adam(counts, numbers=numbers, sides=2 * sides, working=working, passes=passes, flops=float(flops))


def matrix_shapes(config: TransformerConfig) -> list[tuple[int, int]]:
    """(smaller, larger) side of each hidden matrix."""
    D, a = config.d_model, config.attention
    queries, keys = a.num_heads * a.head_dim, a.num_kv_heads * a.head_dim
    attention = [(queries, D), (keys, D), (keys, D), (D, queries)]
    feed_forward = [(config.feed_forward.d_ff, D)] * (3 if config.feed_forward.activation == "swiglu" else 2)
    crossings = config.num_layers if config.kind == "encoder_decoder" else 0
    blocks = config.num_layers + config.num_encoder_layers
    shapes = attention * (blocks + crossings) + feed_forward * blocks
    return [(min(shape), max(shape)) for shape in shapes]


def _with_adam(
    counts: Parameters, *, numbers: int, sides: int, working: int, passes: int, flops: float
) -> OptimizerState:
    """A matrix rule on the hidden matrices, AdamW on the rest."""
    matrices, others = counts.hidden_matrices, counts.total - counts.hidden_matrices
    return OptimizerState(
        moments=float(_FLOAT32 * (numbers * matrices + 2 * others)),
        preconditioners=float(_FLOAT32 * sides),
        working=float(working),
        traffic=float(_FLOAT32 * (passes * matrices + 7 * others)),
        flops=flops,
    )
