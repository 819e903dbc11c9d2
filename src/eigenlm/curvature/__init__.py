"""Second derivatives of a loss as linear operators: Hessian, Gauss-Newton, Fisher, their blocks, and Jacobians."""

from eigenlm.curvature.blocks import block_traces, blocks_of
from eigenlm.curvature.fisher import empirical_fisher, monte_carlo_fisher
from eigenlm.curvature.gauss_newton import GaussNewton
from eigenlm.curvature.gradient_flow import gradient_flow
from eigenlm.curvature.hessian import Hessian, hessian
from eigenlm.curvature.jacobian import Jacobian
from eigenlm.curvature.kfac import ekfac, kfac
from eigenlm.curvature.layer_maps import layer_maps, whole_map
from eigenlm.curvature.losses import AnyLoss, CrossEntropy, OutputLoss, SquaredError
from eigenlm.curvature.objective import Objective, ObjectivePart, batches, next_token
from eigenlm.curvature.parameters import parameters_of

__all__ = [
    "AnyLoss",
    "CrossEntropy",
    "GaussNewton",
    "Hessian",
    "Jacobian",
    "Objective",
    "ObjectivePart",
    "OutputLoss",
    "SquaredError",
    "batches",
    "block_traces",
    "blocks_of",
    "ekfac",
    "empirical_fisher",
    "gradient_flow",
    "hessian",
    "kfac",
    "layer_maps",
    "monte_carlo_fisher",
    "next_token",
    "parameters_of",
    "whole_map",
]
