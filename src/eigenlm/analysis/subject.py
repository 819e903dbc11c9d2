"""What is analysed: a model, perhaps running on a text, and what else was asked of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Int64
from torch import Tensor, nn

from eigenlm.errors import ConfigError, EigenError, explain
from eigenlm.language_model import LanguageModel, load
from eigenlm.machine.processes import Ranks
from eigenlm.text.corpus import documents_of
from eigenlm.text.windows import windows_across

Text = Iterable[str] | str | Path | Tensor

_WINDOWS, _WINDOW = 8, 256


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What sections measure.

    Attributes:
        model: whatever was given: a `LanguageModel`, a module, tensors by name, or a path or name.
        running: the same as something that runs; None if only its matrices are looked at.
        windows: (B, T) token ids to run it on; None if only its matrices are looked at.
        asked: what the options of sections were given, by the sections' names.
        refused: why the model cannot run, though its matrices may be read; None if it can, or was not to.
        ranks: the processes that share the work.
    """

    model: Any
    running: LanguageModel | nn.Module | None = None
    windows: Int64[Tensor, "B T"] | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    refused: EigenError | None = None
    ranks: Ranks = field(default_factory=Ranks)

    @property
    def at_work(self) -> tuple[nn.Module, Int64[Tensor, "B T"]] | None:
        """The module that runs, without its tokenizer, and its windows; None if only matrices are looked at.

        Raises:
            EigenError: the model was to run and cannot.
        """
        if self.refused is not None:
            raise self.refused
        if self.running is None or self.windows is None:
            return None
        return self.running.model if isinstance(self.running, LanguageModel) else self.running, self.windows


def running_subject(model: Any, text: Text | None, asked: Mapping[str, Any]) -> Subject:
    """A model made to run on a text, or on the documentation inside Python if there is none.

    Raises:
        ConfigError: tensors by name, which cannot be run; or words for a module without a tokenizer.
        DataError: the text is missing, or shorter than a window.
    """
    try:
        running = load(model) if isinstance(model, (str, Path)) else model
    except EigenError as error:  # a family that is not known, or a setting of it: there are matrices all the same
        return Subject(model=model, asked=asked, refused=error)
    if not isinstance(running, (LanguageModel, nn.Module)):
        do = "give a module, a LanguageModel or a path, or ask for the matrices alone"
        raise ConfigError(explain("analyze on a text", expected="a model that runs", got=type(model).__name__, do=do))
    return Subject(model=model, running=running, windows=_text_windows(running, text), asked=asked)


def _text_windows(running: LanguageModel | nn.Module, text: Text | None) -> Int64[Tensor, "B T"]:
    if isinstance(text, Tensor):
        return text
    if not isinstance(running, LanguageModel):
        expected = "token ids (B, T), since a module has no tokenizer"
        raise ConfigError(explain("analyze on a text", expected=expected, got=type(text).__name__))
    _, documents = documents_of(text)
    window = min(_WINDOW, running.config.context_length)
    return windows_across(documents, running.tokenizer, window, _WINDOWS)
