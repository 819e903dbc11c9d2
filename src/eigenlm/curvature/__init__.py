"""Second derivatives of a loss as linear operators: Hessian, Gauss-Newton, Fisher, their blocks, and Jacobians."""

from eigenlm.curvature.fisher import empirical_fisher, monte_carlo_fisher
from eigenlm.curvature.gauss_newton import GaussNewton
from eigenlm.curvature.hessian import Hessian, hessian
from eigenlm.curvature.losses import AnyLoss, CrossEntropy, OutputLoss, SquaredError
from eigenlm.curvature.objective import Objective, Part, batches, next_token
from eigenlm.curvature.parameters import parameters_of

__all__ = [
    "AnyLoss",
    "CrossEntropy",
    "GaussNewton",
    "Hessian",
    "Objective",
    "OutputLoss",
    "Part",
    "SquaredError",
    "batches",
    "empirical_fisher",
    "hessian",
    "monte_carlo_fisher",
    "next_token",
    "parameters_of",
]
