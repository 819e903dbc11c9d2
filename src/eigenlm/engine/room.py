"""The memory that a model takes at work, from its config: what a pass holds at once, and the state of decoding."""

import torch

from eigenlm.attention.vector_codes import VectorCodes, codes_named
from eigenlm.checkpoint import Opened, Work
from eigenlm.machine.memory import check_memory
from eigenlm.model import TransformerConfig
from eigenlm.text.tokenizer import Tokenizer

LOGIT_ROWS = 128  # of logits whose logarithms are made at once
_WINDOW, _SENTENCE = 1024, 64  # tokens
_TEXT = 48 << 20  # bytes of the pieces of a text on their way to tokens
_SMALLER = "choose a smaller --window, --dtype bfloat16, or a smaller model"


def usual_window(config: TransformerConfig) -> int:
    """Tokens that a model reads of a text at once: 1,024, of one that gives vectors as many as a sentence has.

    No more than its context holds.
    """
    longest = _SENTENCE if config.kind == "encoder" and config.head is None else _WINDOW
    return min(longest, config.context_length)


def continuing(prompt: str, max_tokens: int, cache: str = "float") -> Work:
    """To read a prompt and to continue it, in a session, whose state takes no more than half of what is free."""

    def needed(opened: Opened, tokenizer: Tokenizer | None, number: int) -> int:
        context = opened.config.context_length
        read = min(0 if tokenizer is None else len(tokenizer.encode(prompt)), context)
        dtype = torch.float32 if number == 4 else torch.bfloat16
        held = min(read + max_tokens, context) * bytes_per_token(opened.config, dtype, cache)
        return 2 * held + pass_bytes(opened.config, read, number)

    return Work(num_bytes=needed, do="lower --max-tokens, take --dtype bfloat16, or a smaller model")


def scoring(window: int | None, *, models: int = 1, also_read: Opened | None = None) -> Work:
    """To score tokens by windows; several models hold what they say of a window at once."""

    def needed(opened: Opened, _: Tokenizer | None, number: int) -> int:
        return scored_bytes(opened.config, window, number, models=models)

    return Work(num_bytes=needed, do=_SMALLER, also_read=also_read)


def check_scoring(model: torch.nn.Module, config: TransformerConfig, window: int, *, models: int = 1) -> None:
    """Refuse to score by windows that there is not the memory for, beside the weights.

    Raises:
        ConfigError: less is free.
    """
    weight = next(model.parameters())
    needed = scored_bytes(config, window, weight.itemsize, models=models)
    check_memory(needed, weight.device, f"scoring windows of {window:,} tokens", _SMALLER)


def scored_bytes(config: TransformerConfig, window: int | None, number: int, *, models: int = 1) -> int:
    """Bytes of the text as it is read, a pass and its logits.

    Those of one model are held as they come, of several in float32, and compared by rows.

    Args:
        config: of the model.
        window: tokens, as for `perplexity`.
        number: bytes of a number.
        models: how many read each window.
    """
    tokens = min(window or usual_window(config), config.context_length)
    kept = number if models == 1 else 4 * models + number * (number < 4)
    compared = 4 * (2 if models == 1 else 5)  # a row's numbers and logarithms; of two models also their difference
    logits = tokens * kept + min(tokens, LOGIT_ROWS) * compared
    return _TEXT + pass_bytes(config, tokens, number) + config.vocab_size * logits


def pass_bytes(config: TransformerConfig, tokens: int, number: int) -> int:
    """Bytes at the height of a pass through tokens side by side, without logits.

    Inside a layer the stream, what attention makes of it and the inner branches of the feed-forward part are held at
    once; scores are made in blocks.

    Args:
        config: of the model.
        tokens: of all texts.
        number: bytes of a number.
    """
    inner = max(getattr(layer.feed_forward, "d_ff", 0) for layer in (*config.layers, *config.encoder_layers))
    return tokens * (4 * inner + 12 * config.d_model) * number


def bytes_per_token(config: TransformerConfig, dtype: torch.dtype, cache: str = "float") -> int:
    """What the state of decoding takes for each token of a text, with keys and values kept in a form."""
    codes = vector_codes(cache, config)
    return max(1, sum(count * codes.num_bytes(width, dtype.itemsize) for count, width in _kept(config)))


def vector_codes(cache: str, config: TransformerConfig) -> VectorCodes:
    """The form of a name, in which a model's state keeps keys and values.

    Raises:
        ConfigError: there is no such form, or the model's heads do not take it.
    """
    return codes_named(cache, [width for _, width in _kept(config)])


def _kept(config: TransformerConfig) -> list[tuple[int, int]]:
    """How many vectors each attention keeps of a token, and their width."""
    parts = [part for layer in config.layers for part in (layer.attention, layer.cross_attention) if part is not None]
    return [part.kept_per_token for part in parts if all(part.kept_per_token)]
