"""Rules that turn gradients into steps, and which parameter each rule gets."""

from eigenlm.training.optimizers.catalog import OPTIMIZERS, OptimizerEntry, find_optimizer
from eigenlm.training.optimizers.combined import CombinedOptimizer
from eigenlm.training.optimizers.muon import Muon
from eigenlm.training.optimizers.roles import Roles, roles
from eigenlm.training.optimizers.shampoo import Shampoo
from eigenlm.training.optimizers.soap import SOAP

__all__ = [
    "OPTIMIZERS",
    "SOAP",
    "CombinedOptimizer",
    "Muon",
    "OptimizerEntry",
    "Roles",
    "Shampoo",
    "find_optimizer",
    "roles",
]
