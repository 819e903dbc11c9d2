"""The one call: every section in turn measures what was asked of it."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eigenlm.analysis import sections
from eigenlm.analysis.about import about
from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.subject import Subject, Text, running_subject
from eigenlm.errors import EigenError
from eigenlm.machine.processes import join_ranks
from eigenlm.parameters import check_known, shows


def _parameters() -> list[inspect.Parameter]:
    """What asks for each section that is not there by itself."""
    asks = [section for section in sections.SECTIONS if section.option is not None]
    return [inspect.Parameter(section.name, inspect.Parameter.KEYWORD_ONLY, default=None) for section in asks]


@shows(_parameters())
def analyze(model: Any, *, text: Text | None = None, **asked: Any) -> Analysis:
    """See inside a model: every matrix; with a text or an option of a section, also the model at work.

    A tensor is read, looked at and let go before the next is read, so a model in a file may be larger than memory.
    Under torchrun the matrices are shared among the ranks, and every rank gets all of them, the same to the bit; the
    first goes on with the rest.

    Args:
        model: a `LanguageModel`, any `torch.nn.Module`, tensors by name, or the path or name of a model, an adapter, or
            a safetensors or GGUF file.
        text: documents, a file or folder of them, or token ids (B, T). It is what the model is run on; by default the
            documentation inside Python, if a section needs one.
        asked: what sections are asked for by name: `curvature=True` looks at the second derivatives of the loss, for
            minutes; `senses=` takes a word in sentences, or a JSON file of them (the word "bank" by default).

    Raises:
        CheckpointError: the path holds no matrices that can be read.
        ConfigError: the argument is none of these, or cannot be run on a text; or no section has an option of a name.
        DataError: no matrix, no text, or one shorter than a window of 256 tokens (or the model's context).

    >>> import torch
    >>> analyze({"w": torch.diag(torch.tensor([3.0, 1.0, 1.0, 1.0]))})["w"].rank_90
    3
    """
    wanted = _read(asked)
    subject = Subject(model=model) if text is None and not wanted else running_subject(model, text, wanted)
    with join_ranks() as ranks:
        shared = {s.name: s.measure(replace(subject, ranks=ranks)) for s in sections.SECTIONS if s.shared}
        analysis = Analysis(results=shared, about=about(model, asked if text is None else {"text": text, **asked}))
    return _with_the_rest(analysis, subject) if ranks.is_first else analysis


def _read(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the options of sections were given, made ready for them; without those that were left at nothing."""
    reads = {section.name: section.read for section in sections.SECTIONS if section.option is not None}
    check_known("analyze", asked, ["text", *reads])
    given = {name: value for name, value in asked.items() if value is not None and value is not False}
    return {name: reads[name](value) for name, value in given.items()}


def _with_the_rest(analysis: Analysis, subject: Subject) -> Analysis:
    """An analysis with the sections that one rank measures; what cannot be had is left out, with the reason."""
    found, left_out = dict(analysis.results), {}
    for section in sections.SECTIONS:
        if not section.shared:
            try:
                found[section.name] = section.measure(subject)
            except EigenError as error:
                left_out[section.name] = str(error)
    return Analysis(results=found, left_out=left_out, about=analysis.about)
