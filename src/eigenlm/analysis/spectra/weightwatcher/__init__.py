"""The columns of WeightWatcher 0.7.7 under its own rules, so that numbers published with it can be compared."""

from eigenlm.analysis.spectra.weightwatcher.columns import WeightWatcherFit, weightwatcher

__all__ = ["WeightWatcherFit", "weightwatcher"]
