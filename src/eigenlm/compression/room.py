"""The memory that planning takes beside a model: Grams, the factors of every matrix, and the changes to be tried."""

from collections.abc import Sequence
from dataclasses import replace

from eigenlm.checkpoint import Opened, Work
from eigenlm.compression.methods import low_rank, methods_named
from eigenlm.compression.offers import CompressionMethod
from eigenlm.engine.room import usual_window
from eigenlm.machine.memory import check_memory
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.observe import linears, token_table
from eigenlm.observe.linears import TABLE
from eigenlm.text.tokenizer import Tokenizer

# Of logits in float32, their softmax and its running sum, and of their gradients: bytes a token and entry.
_LOGITS = 4 * 5
# An offer for every rank of every matrix, and the holes that float64 work leaves between what is kept.
_HEAP = 1.25
_REPAIR = [replace(low_rank.METHOD, weighs=True)]  # factors of every rank, by Grams of weighted tokens
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
        layers = list(linears(opened.skeleton).values())
        grams = sum(4 * layer.in_features**2 for layer in layers)
        largest = max(layer.in_features * (6 * layer.out_features + 40 * layer.in_features) for layer in layers)
        logits = calibration_window(opened.config, tokens) * opened.config.vocab_size * _LOGITS
        return int(_HEAP * (grams + largest)) + logits

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
    """Tokens of a window, of which there are eight or more; no more than a sentence has, for what gives vectors."""
    return max(2, min(usual_window(config), tokens // 8))


def _planned_bytes(
    model: Transformer, window: int, number: int, used: Sequence[CompressionMethod], *, whole: bool
) -> int:
    """Beside the weights, at the end, when all that was made along the way is still there.

    For W (m, n): the Grams of its outputs and, once for all layers that read the same, of its inputs; the change and
    the changed matrix; what the offers of each method hold. For methods that weigh tokens also the Gram of each layer's
    weighted inputs. The table of tokens has but a diagonal for its outputs.
    """
    total, read = 0, set()
    for name, layer in (linears(model) | (token_table(model) if whole else {})).items():
        m, n = layer.out_features, layer.in_features
        total += 4 * (m if name == TABLE else m * m) + 2 * number * m * n
        total += sum(method.held(m, n, number) for method in used)
        total += 4 * n * n if any(method.weighs for method in used) else 0
        read.add((name.rpartition(".")[0], n, name.endswith("output")))
    total += sum(4 * n * n for _, n, _ in read)
    return int(_HEAP * total) + window * model.config.vocab_size * _LOGITS
