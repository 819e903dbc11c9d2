"""The linear-algebra workbench for language models.

>>> import eigenlm
>>> lm = eigenlm.load("smollm2-135m-instruct")  # doctest: +SKIP
>>> lm.chat("What is an eigenvector?")  # doctest: +SKIP
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from eigenlm.waiting import wait_asleep_beside_others

if TYPE_CHECKING:
    from eigenlm.analysis import analyze as analyze
    from eigenlm.analysis.comparison import compare as compare
    from eigenlm.compression import Knob as Knob
    from eigenlm.compression import Plan as Plan
    from eigenlm.compression import Repair as Repair
    from eigenlm.engine import Sampling as Sampling
    from eigenlm.language_model import LanguageModel as LanguageModel
    from eigenlm.language_model import load as load
    from eigenlm.sentences import search as search
    from eigenlm.tasks import Effect as Effect
    from eigenlm.tasks import Perplexity as Perplexity
    from eigenlm.tasks import SideBySide as SideBySide
    from eigenlm.tasks import nll_increase as nll_increase
    from eigenlm.tasks import perplexity as perplexity
    from eigenlm.training import Recipe as Recipe
    from eigenlm.training import read_recipe as read_recipe
    from eigenlm.verbs import apply as apply
    from eigenlm.verbs import knob as knob
    from eigenlm.verbs import measure as measure
    from eigenlm.verbs import plan as plan
    from eigenlm.verbs import quantize as quantize
    from eigenlm.verbs import repair as repair
    from eigenlm.verbs import settle as settle
    from eigenlm.verbs import side_by_side as side_by_side
    from eigenlm.verbs import train as train
    from eigenlm.verbs import turn as turn

# Imported when first used: torch takes seconds, and `eigenlm --help` does not need it.
_HOMES = {
    "Effect": "eigenlm.tasks",
    "Knob": "eigenlm.compression",
    "LanguageModel": "eigenlm.language_model",
    "Perplexity": "eigenlm.tasks",
    "Plan": "eigenlm.compression",
    "Recipe": "eigenlm.training",
    "Repair": "eigenlm.compression",
    "Sampling": "eigenlm.engine",
    "SideBySide": "eigenlm.tasks",
    "analyze": "eigenlm.analysis",
    "apply": "eigenlm.verbs",
    "compare": "eigenlm.analysis.comparison",
    "knob": "eigenlm.verbs",
    "load": "eigenlm.language_model",
    "measure": "eigenlm.verbs",
    "nll_increase": "eigenlm.tasks",
    "perplexity": "eigenlm.tasks",
    "plan": "eigenlm.verbs",
    "quantize": "eigenlm.verbs",
    "read_recipe": "eigenlm.training",
    "repair": "eigenlm.verbs",
    "search": "eigenlm.sentences",
    "settle": "eigenlm.verbs",
    "side_by_side": "eigenlm.verbs",
    "train": "eigenlm.verbs",
    "turn": "eigenlm.verbs",
}
__all__ = list(_HOMES)

wait_asleep_beside_others()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("eigenlm")
    if name not in _HOMES:
        raise AttributeError(f"module 'eigenlm' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
