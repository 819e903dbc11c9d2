"""The memory that a model takes at work, from its config: what a pass holds at once, and the state of decoding."""

import torch

from eigenlm.checkpoint import Opened, Work
from eigenlm.engine.session import bytes_per_token
from eigenlm.model import TransformerConfig
from eigenlm.text.tokenizer import Tokenizer


def continuing(prompt: str, max_tokens: int) -> Work:
    """To read a prompt and to continue it, in a session, whose state takes no more than half of what is free."""

    def needed(opened: Opened, tokenizer: Tokenizer | None, number: int) -> int:
        context = opened.config.context_length
        read = min(0 if tokenizer is None else len(tokenizer.encode(prompt)), context)
        dtype = torch.float32 if number == 4 else torch.bfloat16
        held = min(read + max_tokens, context) * bytes_per_token(opened.config, dtype)
        return 2 * held + pass_bytes(opened.config, read, number)

    return Work(num_bytes=needed, do="lower --max-tokens, take --dtype bfloat16, or a smaller model")


def scoring(window: int | None, *, models: int = 1, also_read: Opened | None = None) -> Work:
    """To score tokens by windows; several models hold what they say of a window at once."""

    def needed(opened: Opened, _: Tokenizer | None, number: int) -> int:
        tokens = min(window or 1024, opened.config.context_length)
        logits = number + 4 * (1 + (number < 4)) if models == 1 else 4 * (models + 2)
        return pass_bytes(opened.config, tokens, number) + tokens * opened.config.vocab_size * logits

    return Work(
        num_bytes=needed, do="choose a smaller --window, --dtype bfloat16, or a smaller model", also_read=also_read
    )


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
