"""The one call: matrices first, then the model at work."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jaxtyping import Int64
from torch import Tensor, nn

from eigenlm.analysis.activations import activations
from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.curvature import curvature as curvature_of
from eigenlm.analysis.matrices import examine_matrices
from eigenlm.analysis.senses import BANK, SenseSentences, read_senses, word_senses
from eigenlm.errors import ConfigError, EigenError, explain
from eigenlm.language_model import LanguageModel, load
from eigenlm.machine.processes import join_ranks
from eigenlm.text.corpus import documents_of
from eigenlm.text.windows import spread, token_windows

Text = Iterable[str] | str | Path | Tensor

_WINDOWS, _WINDOW = 8, 256
# A product with the Hessian costs some ten forward passes, and there are hundreds of them.
_CURVED_WINDOWS, _CURVED_WINDOW = 2, 128


def analyze(
    model: Any,
    *,
    text: Text | None = None,
    curvature: bool = False,
    senses: SenseSentences | str | Path | None = None,
) -> Analysis:
    """See inside a model: every matrix; with a text or `curvature`, also the model at work.

    A tensor is read, looked at and let go before the next is read, so a model in a file may be larger than memory.
    Under torchrun the matrices are shared among the ranks, and every rank gets all of them, the same to the bit; the
    first goes on with the rest.

    Args:
        model: a `LanguageModel`, any `torch.nn.Module`, tensors by name, or the path or name of a model, an adapter, or
            a safetensors or GGUF file.
        text: documents, a file or folder of them, or token ids (B, T). It is what activations are measured on.
        curvature: look at the loss's second derivatives too, for minutes; on the documentation inside Python if there
            is no text.
        senses: a word in sentences, or a JSON file of them; `bank` by default, if a text is given.

    Raises:
        CheckpointError: the path holds no model, or a damaged one.
        ConfigError: the argument is none of these, or cannot be run on a text.
        DataError: no matrix, no text, or one shorter than a window of 256 tokens (or the model's context).

    >>> import torch
    >>> analyze({"w": torch.diag(torch.tensor([3.0, 1.0, 1.0, 1.0]))})["w"].rank_90
    3
    """
    if text is None and senses is None and not curvature:
        with join_ranks() as ranks:
            return examine_matrices(model, ranks=ranks)
    running = runnable(model)
    windows, words = text_windows(running, text), _words(senses)
    with join_ranks() as ranks:
        analysis = examine_matrices(model, ranks=ranks)
    return examine_running(analysis, running, windows, words, curvature=curvature) if ranks.is_first else analysis


def examine_running(
    analysis: Analysis,
    running: LanguageModel | nn.Module,
    windows: Int64[Tensor, "B T"],
    words: SenseSentences,
    *,
    curvature: bool,
) -> Analysis:
    """An analysis with what shows only when the model runs; what cannot be had is left out, with the reason.

    Args:
        analysis: of the matrices.
        running: what `runnable` gives.
        windows: token ids.
        words: a word in sentences, for a model with a tokenizer.
        curvature: whether to look at that too.
    """
    module = running.model if isinstance(running, LanguageModel) else running
    parts: dict[str, Callable[[], Any]] = {"activations": partial(activations, module, windows)}
    if isinstance(running, LanguageModel):
        parts["senses"] = partial(word_senses, running, words.word, words.senses)
    if curvature:
        parts["curvature"] = partial(curvature_of, module, windows[:_CURVED_WINDOWS, :_CURVED_WINDOW])
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name, part in parts.items():
        try:
            found[name] = part()
        except EigenError as error:
            left_out[name] = str(error)
    return replace(analysis, **found, left_out=left_out)


def runnable(model: Any) -> LanguageModel | nn.Module:
    """The model itself, or the one that a path or name stands for.

    Raises:
        CheckpointError: the path holds no model that can be run.
        ConfigError: tensors by name, which cannot be run.
    """
    if isinstance(model, (LanguageModel, nn.Module)):
        return model
    if isinstance(model, (str, Path)):
        return load(model)
    do = "give a module, a LanguageModel or a path, or leave text, senses and curvature out"
    raise ConfigError(explain("analyze on a text", expected="a model that runs", got=type(model).__name__, do=do))


def text_windows(running: LanguageModel | nn.Module, text: Text | None) -> Int64[Tensor, "B T"]:
    """Windows of token ids, spread over a text.

    Raises:
        ConfigError: words for a module that has no tokenizer.
        DataError: the text is missing, or shorter than a window.
    """
    if isinstance(text, Tensor):
        return text
    if not isinstance(running, LanguageModel):
        expected = "token ids (B, T), since a module has no tokenizer"
        raise ConfigError(explain("analyze on a text", expected=expected, got=type(text).__name__))
    _, documents = documents_of(text)
    window = min(_WINDOW, running.config.context_length)
    return spread(token_windows(documents, running.tokenizer, window), _WINDOWS)


def _words(senses: SenseSentences | str | Path | None) -> SenseSentences:
    if senses is None:
        return BANK
    return senses if isinstance(senses, SenseSentences) else read_senses(senses)
