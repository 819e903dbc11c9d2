"""What two models are compared on where no text is given."""

from collections.abc import Sequence

from eigenlm.language_model import LanguageModel
from eigenlm.tasks.own_words import own_words
from eigenlm.text.opening import opening
from eigenlm.text.python_documentation import python_documentation
from eigenlm.text.reading import Text

DOCUMENTATION = "the documentation inside Python"
_TOKENS = 8192
_SAMPLES, _SAMPLED = 8, 256


def default_texts(lm: LanguageModel) -> dict[str, Text]:
    """Two texts by their names: every fourth document inside Python, the first 8,192 tokens, and the model's own words.

    A model's own words are 8 texts of 256 tokens at temperature 1, which it draws itself (seed 0); on these, what a
    second model loses is the divergence from the first, but for chance. An encoder writes none.
    """
    documents = [document.text for document in python_documentation()[3::4]]
    texts: dict[str, Text] = {DOCUMENTATION: opening(documents, lm.tokenizer, _TOKENS)}
    if lm.config.kind == "decoder" and lm.tokenizer.bos is not None:
        texts["what the first model writes by itself"] = _own_texts(lm, lm.tokenizer.bos)
    return texts


def _own_texts(lm: LanguageModel, begin: int) -> Sequence[str]:
    count = min(_SAMPLED, lm.config.context_length - 1)
    texts = own_words(lm, lm.runner, [[begin]] * _SAMPLES, count)
    return [lm.tokenizer.decode(text[1:]) for text in texts]
