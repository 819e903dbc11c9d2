"""Words about singular values."""

from eigenlm.analysis.glossary.term import Term

SPECTRA = {
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
    "singular_value": Term("Singular value", "How strongly the matrix stretches its i-th direction, strongest first."),
    "energy": Term("Energy", "A part of ‖W‖F². The energy kept at rank R is the share in the R strongest directions."),
    "eigenvalue": Term(
        "Eigenvalue λ", "The square of a singular value: an eigenvalue of WᵀW, and that direction's part of the energy."
    ),
    "relative_error": Term(
        "Relative error",
        "‖W - W'‖ / ‖W‖ for the best W' of this rank: the root of the share of the energy that is lost.",
    ),
    "factor_params": Term(
        "Numbers in two factors", "R (rows + columns): what the matrix takes as a product of two factors of rank R."
    ),
}
