"""The terms a report uses, each with what it means."""

from typing import NamedTuple


class Term(NamedTuple):
    """A column's label and its definition, for a reader who has not met it."""

    label: str
    definition: str


TERMS = {
    "name": Term("Matrix", "The layer that holds the matrix; its position in the model reads from left to right."),
    "size": Term("Size", "Rows by columns: outputs by inputs. The smaller of the two is the full rank."),
    "storage": Term(
        "Stored",
        "How the file keeps the numbers. Quantized kinds such as Q4_1 round them, which lifts the smallest "
        "singular values.",
    ),
    "frobenius_norm": Term(
        "‖W‖F",
        "Frobenius norm: the root of the sum of all squared entries, and of all squared singular values. "
        "Its square is the energy.",
    ),
    "spectral_norm": Term("σ₁", "The largest singular value: the most the matrix can stretch a vector."),
    "condition_number": Term(
        "Condition",
        "Largest over smallest singular value. Large: some direction is all but ignored. Infinite: some "
        "direction is lost.",
    ),
    "stable_rank": Term(
        "Stable rank",
        "‖W‖F² / σ₁². Near 1 when one direction dominates; equal to the full rank when all directions count the same.",
    ),
    "effective_rank": Term(
        "Effective rank",
        "exp of the entropy of σᵢ / Σσ (Roy and Vetterli 2007): how many directions carry weight, counted smoothly.",
    ),
    "numerical_rank": Term(
        "Numerical rank",
        "The number of singular values that rounding the entries to float32 could not have made.",
    ),
    "rank_90": Term("Rank 90%", "The smallest rank whose best approximation keeps 90% of the energy."),
    "rank_99": Term("Rank 99%", "The smallest rank whose best approximation keeps 99% of the energy."),
    "break_even_rank": Term(
        "Break-even",
        "The largest rank R at which two factors, R (rows + columns) parameters, are smaller than the matrix itself.",
    ),
    "planned_rank": Term("Kept rank", "The rank the plan leaves to this matrix. Dense: it stays as it is."),
    "planned_share": Term("Parameters kept", "Parameters after the plan, of those before."),
    "planned_loss": Term("Forecast loss", "This matrix's part of the forecast loss increase, in nats per token."),
    "singular_value": Term("Singular value", "How strongly the matrix stretches its i-th direction, strongest first."),
    "energy": Term("Energy", "A part of ‖W‖F². The energy kept at rank R is the share in the R strongest directions."),
    "nll": Term("Loss", "Mean negative log-likelihood of the text's tokens, in nats per token."),
    "perplexity": Term(
        "Perplexity",
        "exp(loss): as unsure, on average, as a choice among this many equally likely tokens.",
    ),
    "interval": Term(
        "95% interval",
        "Of 100 such intervals, from as many texts of the same kind, about 95 would hold the true value.",
    ),
}
