"""The terms a report uses, each with what it means."""

from eigenlm.analyze.glossary.activations import ACTIVATIONS
from eigenlm.analyze.glossary.curvature import CURVATURE
from eigenlm.analyze.glossary.effect import EFFECT
from eigenlm.analyze.glossary.noise import NOISE
from eigenlm.analyze.glossary.senses import SENSES
from eigenlm.analyze.glossary.spectra import SPECTRA
from eigenlm.analyze.glossary.tails import TAILS
from eigenlm.analyze.glossary.term import Term
from eigenlm.analyze.glossary.weightwatcher import WEIGHTWATCHER

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
