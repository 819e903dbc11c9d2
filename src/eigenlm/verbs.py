"""The verbs on a language model: plan a smaller one, apply the plan, measure what became of it; and train one."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from eigenlm import compression
from eigenlm.allowed import check, check_methods
from eigenlm.compression import Plan
from eigenlm.compression.room import applying, calibration_window, check_planning
from eigenlm.errors import ConfigError, explain
from eigenlm.language_model import LanguageModel, check_speaks, load
from eigenlm.planner.room import check_run
from eigenlm.tasks import Effect, effect
from eigenlm.text.corpus import documents_of
from eigenlm.text.reading import Text
from eigenlm.text.windows import windows_across
from eigenlm.training import Outcome, Recipe, Watcher, started_from
from eigenlm.training import train as train_unchecked


def plan(
    lm: LanguageModel,
    *,
    keep: float = 0.9,
    calibration: Iterable[str] | str | Path | None = None,
    tokens: int = 8192,
    seed: int = 0,
    methods: Sequence[str] = ("low_rank",),
) -> Plan:
    """Decide how to shrink a model's linear layers, and forecast what that costs; the model is left as it is.

    Args:
        lm: a decoder, or an encoder that predicts tokens.
        keep: fraction of the linear layers' bytes to keep, in (0, 1]; counted on the layers as they are now, without
            biases and places of rows.
        calibration: documents, a file or folder of them, or None for the documentation inside Python.
        tokens: how many of their tokens to use, spread over them evenly.
        seed: of the random generator that samples labels.
        methods: what may be done to a matrix, `low_rank` or `int8` or both.

    Raises:
        ConfigError: `keep` outside (0, 1], fewer than 4 tokens, an unknown method, too little memory, or a model that
            predicts no tokens.
        DataError: too little text, or activations that are not finite.
    """
    check(keep=keep, tokens=tokens, seed=seed)
    check_methods(methods)
    check_speaks(lm, "planning")
    if lm.config.kind == "encoder_decoder" or lm.config.head is None:
        got = f"an {lm.config.kind} " + ("without one" if lm.config.head is None else "with a head")
        do = "see which of its matrices are of low rank with analyze"
        raise ConfigError(explain("planning", expected="a decoder or an encoder with a head", got=got, do=do))
    text, documents = documents_of(calibration)
    window = calibration_window(lm.config, tokens)
    check_planning(lm.model, window)
    windows = windows_across(documents, lm.tokenizer, window, max(2, tokens // window))
    windows = windows.to(lm.device)
    return compression.plan(lm.model, windows, keep=keep, model=lm.name, text=text, seed=seed, methods=methods)


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
    lm = load(plan.model, dtype=dtype, device=device, work=applying())
    compression.apply_(lm.model, plan)
    return lm


def measure(
    before: LanguageModel | str | Path,
    after: LanguageModel | str | Path,
    text: Text,
    *,
    window: int | None = None,
) -> Effect:
    """What the way from one model to the other cost and bought, on text that neither was made for.

    Args:
        before: a model, or its name or path.
        after: the same, with the same tokenizer.
        text: the text itself, documents, or the path of a file or folder of them as a `Path`.
        window: tokens that the models see at once; 1,024 or the shorter context by default.

    Raises:
        ConfigError: models that do not compare, or a window that does not fit.
        DataError: fewer than two tokens.
    """
    first, second = (lm if isinstance(lm, LanguageModel) else load(lm) for lm in (before, after))
    return effect(first, second, text, window=window)


def train(
    recipe: Recipe,
    folder: str | Path,
    *,
    start: str | Path | None = None,
    watcher: Watcher | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train what a recipe says, in a folder, if the planner finds the memory for it; see `training.train`.

    Args:
        recipe: what to train.
        folder: of the run.
        start: a model to go on with instead of the recipe's own; see `training.started_from`.
        watcher: is told of what happens.
        stop: asked between steps; when it says True, the run is saved as it stands.

    Raises:
        ConfigError: as of `training.train`, or too little memory; the message says what to change.
        CheckpointError: no model to go on with, or a damaged one.
    """
    recipe = recipe if start is None else started_from(recipe, start)
    return train_unchecked(recipe, folder, watcher=watcher, stop=stop, check=check_run)
