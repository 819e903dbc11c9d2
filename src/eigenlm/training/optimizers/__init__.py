"""Rules that turn gradients into steps, and which parameter each rule gets."""

from eigenlm.training.optimizers.build import build_optimizer
from eigenlm.training.optimizers.combined import CombinedOptimizer
from eigenlm.training.optimizers.muon import Muon
from eigenlm.training.optimizers.roles import Roles, roles
from eigenlm.training.optimizers.shampoo import Shampoo
from eigenlm.training.optimizers.soap import SOAP

__all__ = ["SOAP", "CombinedOptimizer", "Muon", "Roles", "Shampoo", "build_optimizer", "roles"]
