"""Words about the second derivatives of the loss."""

from eigenlm.analysis.term import Term

CURVATURE = {
    "hessian": Term(
        "Hessian",
        "All second derivatives of the loss. Each of its eigenvalues says how strongly the loss bends along one"
        " direction of the parameters; a negative one means that it bends down.",
    ),
    "sharpness": Term(
        "Largest eigenvalue",
        "How strongly the loss bends in the direction where it bends most (sharpness). Gradient descent with a step"
        " above 2 over it is thrown off.",
    ),
    "smallest_eigenvalue": Term(
        "Most negative eigenvalue",
        "How strongly the loss bends down in the worst direction. Clearly below zero: the model does not sit in a"
        " minimum of this loss.",
    ),
    "residual": Term(
        "Residual",
        "‖A x - λ x‖ of the vector found: a true eigenvalue lies no further than this from the number told.",
    ),
    "gauss_newton": Term(
        "Gauss-Newton matrix",
        "The Hessian without the bending of the model itself: only that of the loss at its outputs. Never negative. For"
        " this loss it is also the Fisher matrix.",
    ),
    "trace": Term("Trace", "The sum of all eigenvalues: the bending over all parameters together."),
    "gauss_newton_trace": Term("Trace of Gauss-Newton", "The sum of all eigenvalues of the Gauss-Newton matrix."),
    "block_diagonal_error": Term(
        "Lost between matrices",
        "The part of the Gauss-Newton matrix that is lost if every matrix is treated by itself: 0 none, 1 all.",
    ),
    "spectral_density": Term(
        "Spectral density",
        "Where the eigenvalues lie, smoothed, on a logarithmic scale: most are next to zero, few are large.",
    ),
    "log_gain": Term(
        "Gain of a layer",
        "The mean natural logarithm of the factor by which the layer changes the length of a small change at its input:"
        " 0 keeps it. Gains add up over layers, so that far from 0 gradients grow or vanish.",
    ),
    "without_norms": Term(
        "Without norms", "The same layer with its normalisations taken out, to show what they do for the gradient."
    ),
    "gradient_norm": Term("Gradient length", "How long the gradient of the loss is at the vectors that enter a layer."),
    "block_trace": Term(
        "Trace of its block", "The bending of the loss over all numbers of this matrix together (Gauss-Newton)."
    ),
    "block_trace_per_param": Term(
        "Mean curvature",
        "The bending of the loss along one number of this matrix, on average. Large: rounding or cutting here costs"
        " most.",
    ),
    "block_hessian_trace": Term(
        "Hessian trace", "The same sum for the Hessian; negative where the loss bends down more than up."
    ),
    "block_norm": Term("Norm of its block", "Frobenius norm of the matrix's Gauss-Newton block."),
    "block_largest": Term(
        "Largest of its block",
        "The strongest bending along any direction of this matrix alone, with the residual's interval.",
    ),
    "kfac_error": Term(
        "KFAC error",
        "How far KFAC, which many optimizers use for this block, is from it: 0 exact, 100% as bad as no bending at"
        " all.",
    ),
    "kfac_trace_ratio": Term("KFAC trace", "KFAC's trace over the true one: 1 if its size is right."),
    "kfac_cosine": Term(
        "KFAC cosine", "How well KFAC's shape agrees with the block, its size aside: 1 if it is right."
    ),
}
