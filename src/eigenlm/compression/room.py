"""The memory that planning takes beside a model: Grams, the factors of every matrix, and the changes to be tried."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eigenlm.checkpoint import Opened, Work
from eigenlm.compression.methods import low_rank, methods_named
from eigenlm.compression.offers import CompressionMethod
from eigenlm.engine.room import LOGIT_ROWS, scored_bytes, usual_window
from eigenlm.linalg.gram_sum import GramSum
from eigenlm.machine.memory import check_memory
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.observe import linears, token_table
from eigenlm.observe.linears import TABLE
from eigenlm.text.tokenizer import Tokenizer

# Bytes of a token and entry: logits and their gradients in float32, and what is made of them.
_LOGITS = 4 * 5
_WINDOW = 256  # tokens
_HEAP = 1.1  # what the holes between what is kept take
_REPAIR = [replace(low_rank.METHOD, rehearses=False)]  # factors of every rank
_SMALLER = "take --dtype bfloat16, fewer --tokens, a smaller model, or a larger machine"


def applying(measured: Work | None = None) -> Work:
    """To put thinner layers in the place of others, one at a time, and then perhaps to measure both models."""

    def needed(opened: Opened, tokenizer: Tokenizer | None, number: int) -> int:
        largest = max(layer.out_features * layer.in_features for layer in linears(opened.skeleton).values())
        return max(16 * largest, 0 if measured is None else measured.num_bytes(opened, tokenizer, number))

    do = "take --dtype bfloat16, or a larger machine"
    return Work(num_bytes=needed, do=do, also_read=None if measured is None else measured.also_read)


def planning(tokens: int, methods: Sequence[str], *, whole: bool) -> Work:
    """To plan with windows of calibration text, as `verbs.plan` cuts them, the table of tokens included or not."""

    def needed(opened: Opened, _: Tokenizer | None, number: int) -> int:
        window = calibration_window(opened.config, tokens)
        return _planned_bytes(opened.skeleton, window, number, methods_named(methods), whole=whole)

    return Work(num_bytes=needed, do=_SMALLER)


def repairing(tokens: int, original: Opened) -> Work:
    """To repair beside the original model."""

    def needed(opened: Opened, _: Tokenizer | None, number: int) -> int:
        return _planned_bytes(opened.skeleton, calibration_window(opened.config, tokens), number, _REPAIR, whole=False)

    return Work(num_bytes=needed, do=_SMALLER, also_read=original)


def rounding(tokens: int) -> Work:
    """To write a GGUF file that is rounded for windows of calibration text, as `verbs.quantize` cuts them."""

    def needed(opened: Opened, _: Tokenizer | None, number: int) -> int:
        layers, window = list(linears(opened.skeleton).values()), calibration_window(opened.config, tokens)
        grams = sum(GramSum.num_bytes(layer.in_features) for layer in layers)
        largest = max(layer.in_features * (6 * layer.out_features + 40 * layer.in_features) for layer in layers)
        return int(_HEAP * (grams + max(_passed_bytes(opened.skeleton, window), largest)))

    return Work(num_bytes=needed, do=_SMALLER)


def check_planning(model: Transformer, window: int, methods: Sequence[str], *, whole: bool) -> None:
    """Refuse to plan for a model in memory what would not fit beside it.

    Raises:
        ConfigError: less is free.
    """
    _check(model, window, methods_named(methods), "planning", whole=whole)


def check_repairing(model: Transformer, window: int) -> None:
    """Refuse to repair a model in memory with what would not fit beside it.

    Raises:
        ConfigError: less is free.
    """
    _check(model, window, _REPAIR, "repairing", whole=False)


def _check(model: Transformer, window: int, used: Sequence[CompressionMethod], act: str, *, whole: bool) -> None:
    weight = next(model.parameters())
    check_memory(_planned_bytes(model, window, weight.itemsize, used, whole=whole), weight.device, act, _SMALLER)


def calibration_window(config: TransformerConfig, tokens: int) -> int:
    """Tokens of a window: as many as the model usually reads, where that gives 32 windows; else 256, or fewer for 8.

    What is apart, for prices and forecasts, is whole windows; and what is fitted holds for contexts of their length.
    """
    return max(2, min(usual_window(config), max(tokens // 32, min(tokens // 8, _WINDOW))))


def _planned_bytes(
    model: Transformer, window: int, number: int, used: Sequence[CompressionMethod], *, whole: bool
) -> int:
    """Beside the weights, at the height of what comes one after another: to measure, to make offers, to try a choice.

    While a window passes back, what a block reads and gives is there beside the Grams, and where methods rehearse also
    the halved Grams of the first part. Two matrices are at work at once. A choice is tried with dense matrices.
    """
    layers = linears(model) | (token_table(model) if whole else {})
    sizes = {name: (layer.out_features, layer.in_features) for name, layer in layers.items()}
    held = sum(method.held(m, n, number) for m, n in sizes.values() for method in used)
    grams = _gram_bytes(sizes, used)
    grams += grams // 2 if any(method.rehearses for method in used) else 0
    at_work = sum(sorted((_at_work(name == TABLE, m, n) for name, (m, n) in sizes.items()), reverse=True)[:2])
    dense, tried = sum(number * m * n for m, n in sizes.values()), scored_bytes(model.config, window, number, models=2)
    passed = _passed_bytes(model, window)
    return int(_HEAP * max(grams + passed, max(grams, held) + at_work, held + dense + tried))


def _passed_bytes(model: Transformer, window: int) -> int:
    """What enters every block, what is in one of them, and the logits of some rows."""
    entered = 4 * window * model.config.d_model * (len(model.config.layers) + 2)
    blocks = [linears(block).values() for block in model.blocks]
    inside = max((sum(layer.out_features + layer.in_features for layer in each) for each in blocks), default=0)
    return entered + 8 * window * inside + LOGIT_ROWS * model.config.vocab_size * _LOGITS


def _gram_bytes(sizes: Mapping[str, tuple[int, int]], used: Sequence[CompressionMethod]) -> int:
    """Those of outputs, of weighted tokens and, once for all layers that read the same, of inputs.

    The table has but a diagonal. Where methods rehearse there are none of inputs.
    """
    read = {(name.rpartition(".")[0], n, name.endswith("output")) for name, (_, n) in sizes.items()}
    outputs = sum(GramSum.num_bytes(m) for name, (m, _) in sizes.items() if name != TABLE)
    weighted = sum(GramSum.num_bytes(n) for name, (_, n) in sizes.items() if name != TABLE)
    if any(method.rehearses for method in used):
        return outputs + weighted
    inputs = sum(GramSum.num_bytes(n) for _, n, _ in read)
    return outputs + inputs + (weighted if any(method.weighs for method in used) else 0)


def _at_work(table: bool, m: int, n: int) -> int:
    """A matrix and its errors, targets and codes; its Grams in float32, and in float64 what is made of one."""
    wide = 0 if table else m * m
    return 24 * m * n + 12 * n * n + 8 * wide + 40 * max(n * n, wide)
