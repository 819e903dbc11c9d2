"""The terms a report uses, each with what it means."""

from eigenlm.analysis.glossary.activations import ACTIVATIONS
from eigenlm.analysis.glossary.curvature import CURVATURE
from eigenlm.analysis.glossary.effect import EFFECT
from eigenlm.analysis.glossary.noise import NOISE
from eigenlm.analysis.glossary.senses import SENSES
from eigenlm.analysis.glossary.spectra import SPECTRA
from eigenlm.analysis.glossary.tails import TAILS
from eigenlm.analysis.glossary.term import Term
from eigenlm.analysis.glossary.weightwatcher import WEIGHTWATCHER

GLOSSARY: dict[str, dict[str, Term]] = {
    "Singular values": SPECTRA,
    "Noise": NOISE,
    "Power laws": TAILS,
    "WeightWatcher's columns": WEIGHTWATCHER,
    "Activations": ACTIVATIONS,
    "Curvature": CURVATURE,
    "Senses of a word": SENSES,
    "A plan and its effect": EFFECT,
}

TERMS: dict[str, Term] = {key: term for terms in GLOSSARY.values() for key, term in terms.items()}

__all__ = ["GLOSSARY", "TERMS", "Term"]
