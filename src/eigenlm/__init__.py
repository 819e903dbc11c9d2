"""The linear-algebra workbench for language models.

>>> import eigenlm
>>> lm = eigenlm.load("smollm2-135m-instruct")  # doctest: +SKIP
>>> lm.chat("What is an eigenvector?")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eigenlm.analyze import analyze as analyze
    from eigenlm.compress import Plan as Plan
    from eigenlm.engine import Sampling as Sampling
    from eigenlm.language_model import LanguageModel as LanguageModel
    from eigenlm.language_model import load as load
    from eigenlm.tasks import Perplexity as Perplexity
    from eigenlm.tasks import nll_increase as nll_increase
    from eigenlm.tasks import perplexity as perplexity
    from eigenlm.train import Recipe as Recipe
    from eigenlm.train import train as train
    from eigenlm.workbench import apply as apply
    from eigenlm.workbench import plan as plan

# Imported when first used: torch takes seconds, and `eigenlm --help` does not need it.
_HOMES = {
    "LanguageModel": "eigenlm.language_model",
    "Perplexity": "eigenlm.tasks",
    "Plan": "eigenlm.compress",
    "Recipe": "eigenlm.train",
    "Sampling": "eigenlm.engine",
    "analyze": "eigenlm.analyze",
    "apply": "eigenlm.workbench",
    "load": "eigenlm.language_model",
    "nll_increase": "eigenlm.tasks",
    "perplexity": "eigenlm.tasks",
    "plan": "eigenlm.workbench",
    "train": "eigenlm.train",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'eigenlm' has no attribute {name!r}")
    home = import_module(_HOMES[name])
    # A room that is an act too has to be the same thing at the first look and at the second, when import has set it.
    return home if home.__name__ == f"{__name__}.{name}" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
