"""What an optimizer remembers and does, by its kind."""

from dataclasses import dataclass

from eigenlm.model import TransformerConfig
from eigenlm.training.parameters import count_parameters
from eigenlm.training.recipe import OptimizerRecipe

_FLOAT32 = 4
# As in `optimizers`: sides beyond this get no preconditioner, bases and roots are taken anew so seldom.
_LARGEST_SIDE, _REFRESH = 2048, 10
# Polynomials that take Muon's singular values near 1: five when the spectrum is steep, as a gradient's is.
_POLYNOMIALS = 5


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

    Adam keeps two averages, SGD and Muon one. Muon, SOAP and Shampoo leave what is no hidden matrix to AdamW; SOAP
    (arXiv:2409.11321, algorithm 3) keeps a Gram matrix and a basis for each side of a matrix beside Adam's averages,
    Shampoo (arXiv:1802.09568, grafted) a Gram matrix and a root.
    """
    counts = count_parameters(config)
    matrices, others = counts.hidden_matrices, counts.total - counts.hidden_matrices
    numbers = 1 if recipe.kind in ("sgd", "muon") else 2
    if recipe.kind in ("sgd", "adam", "adamw"):
        # Weights and averages are read and written, gradients read.
        passes = 2 * numbers + 3
        return _state(moments=numbers * counts.total, traffic=passes * counts.total)
    shapes = matrix_shapes(config)
    moments, adam = numbers * matrices + 2 * others, 7 * others
    if recipe.kind == "muon":
        working = max(4 * m * n + 3 * m * m for m, n in shapes)
        polar = sum(_polar_flops(m, n) for m, n in shapes)
        return _state(moments=moments, traffic=16 * matrices + adam, working=working, flops=polar)
    working = max(4 * m * n + 3 * n * n for m, n in shapes)
    sides = [side for shape in shapes for side in shape if side <= _LARGEST_SIDE]
    # Both: two Gram matrices. SOAP: into its bases twice, out once; Shampoo: the roots once.
    products = 4 if recipe.kind == "soap" else 2
    rotations = sum(products * 2 * (m * m * n + m * n * n) for m, n in shapes)
    flops = rotations + sum(_turn_flops(recipe, side) for side in sides)
    squares = 2 * sum(s * s for s in sides)
    return _state(
        moments=moments,
        preconditioners=squares,
        traffic=20 * matrices + 2 * squares + adam,
        working=working,
        flops=flops,
    )


def _state(
    *, moments: int, traffic: int, preconditioners: int = 0, working: int = 0, flops: float | int = 0
) -> OptimizerState:
    """From counts of float32 numbers."""
    return OptimizerState(
        moments=float(_FLOAT32 * moments),
        preconditioners=float(_FLOAT32 * preconditioners),
        working=float(_FLOAT32 * working),
        traffic=float(_FLOAT32 * traffic),
        flops=float(flops),
    )


def _polar_flops(m: int, n: int) -> int:
    """Of `linalg.orthogonalize`: a near square matrix is multiplied in every step, a wide one in two stages."""
    stage = 3 * m * m * n + 2 * m**3
    if n < 1.5 * m:
        return _POLYNOMIALS * stage
    return 2 * stage + (_POLYNOMIALS - 2) * 8 * m**3


def _turn_flops(recipe: OptimizerRecipe, side: int) -> float:
    """A side's share of a new basis (a product and a QR) or root (an eigendecomposition), a step."""
    return (10 if recipe.kind == "soap" else 24) * side**3 / _REFRESH


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
