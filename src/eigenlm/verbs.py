"""The verbs on a language model: plan a smaller one, apply the plan, measure what became of it; and train one."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from eigenlm import compression
from eigenlm.allowed import check, check_methods, gguf_type
from eigenlm.checkpoint import open_model
from eigenlm.compression import Goal, Knob, Plan, Repair
from eigenlm.compression.goal import Asked
from eigenlm.compression.methods import methods_named
from eigenlm.compression.room import applying, calibration_window, check_planning, check_repairing
from eigenlm.compression.sized_file import beside_matrices, write_sized
from eigenlm.errors import ConfigError, explain
from eigenlm.language_model import LanguageModel, check_speaks, load
from eigenlm.planner.room import check_run
from eigenlm.tasks import Effect, SideBySide, effect
from eigenlm.tasks import side_by_side as compared
from eigenlm.tasks.own_words import own_windows
from eigenlm.terminal import tell
from eigenlm.text.corpus import documents_of
from eigenlm.text.reading import Text
from eigenlm.text.windows import markers_around, windows_across
from eigenlm.training import Outcome, Recipe, Watcher, started_from
from eigenlm.training import train as train_unchecked

_FOREIGN = 0.8  # of the characters of a token of SmolLM2's own words: French has .74, German .65, Shakespeare .85


def plan(
    lm: LanguageModel,
    *,
    keep: float | None = None,
    goal: Asked | None = None,
    calibration: Iterable[str] | str | Path | None = None,
    tokens: int = 8192,
    seed: int = 0,
    methods: Sequence[str] = ("low_rank",),
    sizes: int = 0,
) -> Plan:
    """Decide how to shrink a model, and forecast what that costs; the model is left as it is.

    Args:
        lm: a decoder that predicts tokens, or an encoder; of one without a head its vectors count.
        keep: fraction of the linear layers' bytes to keep, in (0, 1]; counted on the layers as they are now, without
            biases and places of rows.
        goal: one goal instead, such as `{"size": "50MB"}`: `bits`, `size`, `time`, `max_loss` or `max_kl`, as
            `compression.goal.Asked` says; without either, .9 is kept. A size is that of a GGUF file where one holds all
            that the methods make, vocabulary included, else that of the tensors.
        calibration: documents, a file or folder of them, or None for the documentation inside Python. A decoder's own
            words are an eighth as many beside them, which nothing is priced or tried on.
        tokens: how many of their tokens to use, spread over them evenly.
        seed: of the random generator that draws gradients.
        methods: what may be done to a matrix, `low_rank`, `int8`, `bits`, `trellis` or several of them.
        sizes: how many others to try, for the curve of sizes and losses.

    Raises:
        ConfigError: several goals or one that is out of reach, fewer than 4 tokens, an unknown method, too little
            memory, or a model that predicts no tokens.
        DataError: too little text, or activations that are not finite.
    """
    reached = Goal.of(keep, goal)
    check(tokens=tokens, seed=seed)
    check_methods(methods)
    _check_tells(lm, "planning", "see which of its matrices are of low rank with analyze")
    check_planning(lm.model, calibration_window(lm.config, tokens), methods, whole=reached.whole)
    text, windows, own = _calibration(lm, calibration, tokens, seed)
    whole, timed = reached.whole, reached.kind == "time"
    found = compression.prices(lm.model, windows, methods=methods, whole=whole, timed=timed, seed=seed)
    in_gguf = reached.whole and all(method.gguf for method in methods_named(methods))
    others = beside_matrices(lm.model, found, **lm.foreign_parts) if in_gguf else None
    made = compression.planned(found, reached, model=lm.name, text=text, others=others, sizes=sizes)
    return _knowing(made, own)


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


def quantize(
    lm: LanguageModel,
    path: str | Path,
    *,
    storage: str = "Q4_K_M",
    size: int | None = None,
    calibration: Iterable[str] | str | Path | None = None,
    tokens: int = 8192,
    seed: int = 0,
    like_llama_cpp: bool = False,
) -> int:
    """Write a GGUF file for llama.cpp whose numbers are rounded for what its matrices read.

    Columns are rounded one after another, each making up for the errors of those before it, by the Gram of the inputs
    on a text, where each token counts as much as the gradient that reaches it (`linalg.error_feedback`); in types of
    less than 5 bits, numbers are then moved to where the matrix loses least (`linalg.coordinate_descent`).

    Args:
        lm: a decoder that predicts tokens, or an encoder; of one without a head its vectors count.
        path: the file.
        storage: the type of the file, by llama.cpp's names in letters of any case, such as `q3_k_m`.
        size: bytes that the file may have; each matrix, the embedding among them, then has a type of its own, chosen so
            that all together lose least to second order, and `storage` says nothing.
        calibration: as for `plan`.
        tokens: how many of their tokens to use, spread over them evenly.
        seed: of the random generator that draws gradients.
        like_llama_cpp: round numbers one by one, by the mean square of their input: the bytes are those of llama.cpp's
            own tool with an imatrix of the same text.

    Returns:
        Bytes of the file's tensors.

    Raises:
        ConfigError: a type that there is not, fewer than 4 tokens, too little memory, or a model that GGUF cannot hold.
        CheckpointError: numbers that the type does not hold.
        DataError: too little text, activations that are not finite, or a place that cannot be written.
    """
    check(tokens=tokens, seed=seed)
    storage = gguf_type(storage)
    _check_tells(lm, "quantizing for a text", "write it with export, which needs no text")
    from eigenlm.compression import rounded_file  # compiles, which other verbs need not wait for

    _, windows, _ = _calibration(lm, calibration, tokens, None if like_llama_cpp else seed)
    if size is None:
        rounded_file.quantize(
            path,
            lm.model,
            windows,
            storage=storage,
            like_llama_cpp=like_llama_cpp,
            seed=seed,
            **lm.foreign_parts,
        )
    else:
        found = compression.prices(lm.model, windows, methods=("bits",), whole=True, seed=seed)
        write_sized(path, lm.model, found, size, **lm.foreign_parts)
    written = open_model(path).tensors
    return sum(written.num_bytes(name) for name in written)


def repair(
    lm: LanguageModel,
    original: LanguageModel | str | Path,
    *,
    rank: int = 16,
    choose_ranks: bool = False,
    calibration: Iterable[str] | str | Path | None = None,
    tokens: int = 8192,
    seed: int = 0,
) -> tuple[LanguageModel, Repair]:
    """Give a rounded model back what rounding cost it, as far as a low-rank matrix beside each of its own can.

    What is added to a matrix is the best of its rank, in the metric of what the layer reads and of how much its outputs
    matter. `checkpoint.write_peft` and `checkpoint.write_gguf_adapter` write it as a LoRA adapter of the rounded model.

    Args:
        lm: a decoder with a head, or an encoder, with matrices that were rounded; it is left as it is.
        original: the model before, or its name or path.
        rank: of what is added to each matrix.
        choose_ranks: choose a rank for each matrix, so that as many numbers in all leave the least loss.
        calibration: as for `plan`.
        tokens: how many of their tokens to use, spread over them evenly; a quarter is kept apart to try the repair on.
        seed: of the random generator that draws gradients.

    Returns:
        The repaired model, which shares the tensors of `lm`; and what was added, with what it gives back.

    Raises:
        ConfigError: a rank that no matrix has, fewer than 4 tokens, too little memory, a model that neither
            predicts tokens nor gives vectors, or an original that is another model or equal.
        DataError: too little text, or activations that are not finite.
    """
    check(rank=rank, tokens=tokens, seed=seed)
    _check_tells(lm, "repairing", "repair a model that predicts tokens, or an encoder")
    check_repairing(lm.model, calibration_window(lm.config, tokens))
    before = original if isinstance(original, LanguageModel) else load(original, device=str(lm.device))
    text, windows, own = _calibration(before, calibration, tokens, seed)
    options: dict[str, Any] = {"rank": rank, "choose_ranks": choose_ranks, "text": text, "seed": seed}
    model, told = compression.repair(before.model, lm.model, windows, **options)
    return dataclasses.replace(lm, model=model), _knowing(told, own)


def knob(
    lm: LanguageModel,
    *,
    calibration: Iterable[str] | str | Path | None = None,
    tokens: int = 8192,
    seed: int = 0,
) -> tuple[LanguageModel, Knob]:
    """A model that holds its matrices at every rank, so that `turn` makes it of any size, and `settle` keeps that one.

    A rank is the best in the metric of what a layer reads and of how much its outputs matter, and all matrices together
    give up ranks in the order that loses least, as in a plan.

    Args:
        lm: a decoder with a head, or an encoder; of one without a head its vectors count. It is left as it is.
        calibration: as for `plan`.
        tokens: how many of their tokens to use, spread over them evenly; a quarter is kept apart to try settings on.
        seed: of the random generator that draws gradients.

    Returns:
        The model, which keeps everything and shares the tensors of `lm`, for `Knob.save` to write; and what some
        settings cost.

    Raises:
        ConfigError: fewer than 4 tokens, too little memory, a model without dense matrices, or one that neither
            predicts tokens nor gives vectors.
        DataError: too little text, or activations that are not finite.
    """
    check(tokens=tokens, seed=seed)
    _check_tells(lm, "making a knob", "make one of a model that predicts tokens, or of an encoder")
    check_planning(lm.model, calibration_window(lm.config, tokens), ("low_rank",), whole=False)
    text, windows, own = _calibration(lm, calibration, tokens, seed)
    model, told = compression.knob(lm.model, windows, text=text, seed=seed)
    return dataclasses.replace(lm, model=model), _knowing(told, own)


def turn(lm: LanguageModel, keep: float) -> None:
    """Set a model that `knob` made, or that was read from its folder, to a size, in place.

    Setting it takes milliseconds. The next answer takes seconds more: the factors of all matrices are made when the
    model is first below 1, and those of each new size are laid out for the processor.

    Args:
        lm: the model.
        keep: fraction of the numbers in its matrices that are in use, in (0, 1], as a plan counts them; 1 is the
            original, bit for bit.

    Raises:
        ConfigError: `keep` outside (0, 1], or a model that has no ranks to set.
    """
    compression.turn_(lm.model, keep)


def settle(lm: LanguageModel) -> LanguageModel:
    """The smaller model at the size that `turn` has set, as `apply` makes it of a plan with the same ranks."""
    return dataclasses.replace(lm, model=compression.settled(lm.model))


def measure(
    before: LanguageModel | str | Path,
    after: LanguageModel | str | Path,
    text: Text,
    *,
    window: int | None = None,
) -> Effect:
    """What the way from one model to the other cost and bought, on text that neither was made for.

    Args:
        before: a decoder that predicts tokens, or an encoder; or its name or path.
        after: the same, with the same tokenizer.
        text: the text itself, documents, or the path of a file or folder of them as a `Path`.
        window: tokens that the models see at once; 1,024 or the shorter context by default, 64 of models that give
            vectors.

    Raises:
        ConfigError: models that do not compare, or a window that does not fit.
        DataError: fewer than two tokens.
    """
    first, second = _loaded(before, after)
    return effect(first, second, text, window=window)


def side_by_side(
    before: LanguageModel | str | Path,
    after: LanguageModel | str | Path,
    texts: Sequence[str | Path] = (),
    *,
    prompts: Sequence[str] | None = None,
    plan: Plan | str | Path | None = None,
    window: int | None = None,
) -> SideBySide:
    """All that two models differ in: what texts say of each, what they take, how fast they are, what they answer.

    Its `report` writes one offline page.

    Args:
        before: as for `measure`.
        after: likewise.
        texts: paths of files or folders; by default the documentation inside Python and what the first model writes by
            itself.
        prompts: what both answer; five small ones by default.
        plan: what led from the first to the second, or its path: its forecast then stands beside the measurement.
        window: as for `measure`.

    Raises:
        ConfigError: as of `measure`.
        DataError: a text of fewer than two tokens, or an empty prompt.
        CheckpointError: no plan, or a damaged one.
    """
    made = Plan.load(plan) if isinstance(plan, (str, Path)) else plan
    read = {str(text): Path(text) for text in texts}
    first, second = _loaded(before, after)
    return compared(first, second, read, prompts=prompts, plan=made, window=window)


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


def _loaded(*models: LanguageModel | str | Path) -> Iterator[LanguageModel]:
    return (lm if isinstance(lm, LanguageModel) else load(lm) for lm in models)


def _check_tells(lm: LanguageModel, act: str, do: str) -> None:
    """Refuse a model that neither predicts the tokens of a text alone nor gives vectors of it."""
    check_speaks(lm, act)
    if lm.config.kind == "encoder_decoder" or (lm.config.kind == "decoder" and lm.config.head is None):
        got = f"an {lm.config.kind}" if lm.config.head is not None else f"a {lm.config.kind} without a head"
        raise ConfigError(explain(act, expected="a decoder with a head, or an encoder", got=got, do=do))


def _calibration(
    lm: LanguageModel, text: Iterable[str] | str | Path | None, tokens: int, seed: int | None
) -> tuple[str, Tensor, int]:
    """A text's name, windows to fit to, and how many of their tokens are the model's own words.

    With a seed there are such words, an eighth as many. They come first: what is kept apart for prices and forecasts is
    the end, of the text alone. Windows that a sentence encoder reads stand between its markers.
    """
    name, documents = documents_of(text)
    window = calibration_window(lm.config, tokens)
    around = markers_around(lm.tokenizer) if lm.config.head is None else ([], [])
    inside = max(2, window - sum(map(len, around)))
    windows = windows_across(documents, lm.tokenizer, inside, max(2, tokens // inside))
    first, last = (torch.tensor(part, dtype=torch.int64).expand(len(windows), -1) for part in around)
    windows = torch.cat([first, windows, last], dim=1)
    if windows.numel() + window <= tokens:
        tell(f"eigenlm: {name} has {windows.numel():,} of the {tokens:,} tokens that were asked for")
    own = None if seed is None else own_windows(lm, window, len(windows) // 8, seed=seed)
    if own is None:
        return name, windows.to(lm.device), 0
    _tell_if_foreign(lm, name, windows, own)
    return name, torch.cat([own, windows]).to(lm.device), own.numel()


def _tell_if_foreign(lm: LanguageModel, name: str, windows: Tensor, own: Tensor) -> None:
    """Say on standard error that a text is cut into far shorter tokens than what the model writes."""
    letters, usual = (len(lm.tokenizer.decode(read.flatten().tolist())) / read.numel() for read in (windows, own))
    if letters < _FOREIGN * usual:
        had = f"{letters:.1f} characters a token, the model's own words {usual:.1f}"
        tell(f"eigenlm: {name} has {had}: it may be in another language than the model learned, which loses most then")


Fitted = TypeVar("Fitted", Plan, Repair, Knob)


def _knowing(made: Fitted, own: int) -> Fitted:
    """The same, which tells how many of the tokens it was fitted to are the model's own words."""
    return dataclasses.replace(made, calibration=dataclasses.replace(made.calibration, own_tokens=own))
