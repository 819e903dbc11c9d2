"""Where the curves of a run go: one small contract, and one file for each place."""

from eigenlm.training.curves.kinds import Curves, check_curves, open_curves

__all__ = ["Curves", "check_curves", "open_curves"]
