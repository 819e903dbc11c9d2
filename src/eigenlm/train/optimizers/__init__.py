"""Rules that turn gradients into steps, and which parameter each rule gets."""

from eigenlm.train.optimizers.build import build_optimizer
from eigenlm.train.optimizers.combined import CombinedOptimizer
from eigenlm.train.optimizers.muon import Muon
from eigenlm.train.optimizers.roles import Roles, roles
from eigenlm.train.optimizers.shampoo import Shampoo
from eigenlm.train.optimizers.soap import SOAP

__all__ = ["SOAP", "CombinedOptimizer", "Muon", "Roles", "Shampoo", "build_optimizer", "roles"]
