"""A batch of prompts, from the first to the last token: a loop over a session."""

from collections.abc import Collection, Iterator, Sequence

from eigenlm.engine.runner import Runner
from eigenlm.engine.sampling import Sampling
from eigenlm.engine.session import Session
from eigenlm.errors import DataError, explain
from eigenlm.model import Transformer


def generate(
    model: Transformer | Runner,
    prompts: Sequence[Sequence[int]],
    *,
    max_tokens: int,
    sampling: Sampling | None = None,
    stop_tokens: Collection[int] = (),
    sources: Sequence[Sequence[int]] | None = None,
) -> Iterator[list[int | None]]:
    """Continue each prompt until a stop token, `max_tokens`, or the end of the context.

    Args:
        model: a decoder, or an encoder-decoder with `sources`; its runner, where there is one, has packed its weights.
        prompts: B lists of token ids, none empty.
        max_tokens: the most new tokens of a row.
        sampling: how tokens are chosen; greedy by default. Row r has the seed `seed + r`.
        stop_tokens: tokens that end a row; they are not given out.
        sources: B lists of token ids for the encoder.

    Yields:
        the next token of each row, None for a row that has ended or still waits for memory.

    Raises:
        DataError: no prompt, or an empty one.
        ShapeError: a prompt fills the context, or the model does not generate.
        ConfigError: a prompt for which there is no memory.
    """
    if not prompts:
        raise DataError(explain("generation", expected="at least one prompt", got="an empty list"))
    session = Session(model if isinstance(model, Runner) else Runner(model))
    sampling = sampling or Sampling()
    read: Sequence[Sequence[int] | None] = [None] * len(prompts) if sources is None else sources
    slots = [
        session.admit(
            prompt, sampling=sampling.of_row(row), max_tokens=max_tokens, stop_tokens=stop_tokens, source=source
        )
        for row, (prompt, source) in enumerate(zip(prompts, read, strict=True))
    ]
    while session.active:
        told = session.step()
        if any(token is not None for token in told.values()):
            yield [told.get(slot) for slot in slots]
