"""The verbs on a language model: plan a smaller one, apply the plan."""

from collections.abc import Iterable
from pathlib import Path

import torch

from eigenlm import compression
from eigenlm.compression import Plan
from eigenlm.errors import ConfigError, explain
from eigenlm.language_model import LanguageModel, load
from eigenlm.text.corpus import documents_of
from eigenlm.text.windows import spread, token_windows


def plan(
    lm: LanguageModel,
    *,
    keep: float = 0.9,
    calibration: Iterable[str] | str | Path | None = None,
    tokens: int = 8192,
    seed: int = 0,
) -> Plan:
    """Decide how to shrink a model's linear layers, and forecast what that costs; the model is left as it is.

    Args:
        lm: a decoder.
        keep: fraction of the linear layers' numbers to keep, in (0, 1].
        calibration: documents, a file or folder of them, or None for the documentation inside Python.
        tokens: how many of their tokens to use, spread over them evenly.
        seed: of the sampled labels.

    Raises:
        ConfigError: `keep` outside (0, 1], or a model that is no decoder.
        DataError: too little text, or activations that are not finite.
    """
    if lm.config.kind != "decoder" or lm.config.head is None:
        do = "see which of its matrices are of low rank with analyze"
        raise ConfigError(explain("planning", expected="a decoder with a head", got=f"an {lm.config.kind}", do=do))
    text, documents = documents_of(calibration)
    window = max(2, min(1024, lm.config.context_length, tokens // 8))
    windows = spread(token_windows(documents, lm.tokenizer, window), max(2, tokens // window))
    return compression.plan(lm.model, windows.to(lm.device), keep=keep, model=lm.name, text=text, seed=seed)


def apply(plan: Plan | str | Path, *, dtype: str | torch.dtype = "float32", device: str = "auto") -> LanguageModel:
    """The smaller model: the plan's own model, read anew, with the plan carried out.

    Args:
        plan: a plan, or the path of a saved one.
        dtype: as in `load`.
        device: as in `load`.

    Raises:
        CheckpointError: the plan or its model is missing, damaged, or they do not belong together.
    """
    plan = plan if isinstance(plan, Plan) else Plan.load(plan)
    lm = load(plan.model, dtype=dtype, device=device)
    compression.apply_(lm.model, plan)
    return lm
