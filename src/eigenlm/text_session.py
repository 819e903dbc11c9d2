"""Many texts continued at once: text in, pieces of text out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from eigenlm.checkpoint import Generation
from eigenlm.engine import Sampling, Session
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.text import StopStrings, TextStream, Tokenizer


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a text ended.

    Attributes:
        tokens: that were written, those of a stop string included.
        reason: `end` where the model ended it, `stop` at a stop string, `length` at its `max_tokens` or with the
            context.
    """

    tokens: int
    reason: Literal["end", "stop", "length"]


@dataclass
class _Writing:
    stream: TextStream
    stops: StopStrings
    tokens: int = 0
    begun: str = ""  # the text of a beginning that was asked for, till it is told


class TextSession:
    """An engine's session whose prompts and answers are text.

    Iterating gives `(slot, piece)` until all texts have ended; more may be admitted and released meanwhile.

    Args:
        session: that continues the tokens.
        tokenizer: text to token ids and back.
        stop_tokens: tokens that end a text.
        generation: how answers begin and end, and what they never hold.

    Attributes:
        endings: of the slots whose text has ended.
    """

    def __init__(
        self, session: Session, tokenizer: Tokenizer, stop_tokens: frozenset[int], generation: Generation
    ) -> None:
        self._session, self._tokenizer, self._stop_tokens = session, tokenizer, stop_tokens
        self._generation = generation
        self._writing: dict[int, _Writing] = {}
        self.endings: dict[int, Ending] = {}
        self._ended: list[int] = []  # slots whose end is still to be told

    def admit(
        self,
        prompt: str | Sequence[int],
        *,
        max_tokens: int = 128,
        sampling: Sampling | None = None,
        stop: Sequence[str] = (),
        control: bool = False,
    ) -> int:
        """Give a prompt a slot; the next steps read and continue it, or answer it if the model has an encoder.

        Args:
            prompt: the text to continue or to answer, or its tokens.
            max_tokens: the most new tokens.
            sampling: how tokens are chosen; greedy by default.
            stop: strings that end the text; they are not part of it.
            control: control tokens that the prompt spells are control tokens.

        Returns:
            the number of the slot.

        Raises:
            DataError: an empty prompt.
            ShapeError: a prompt that fills the context.
            ConfigError: a prompt for which there is no memory.
        """
        if isinstance(prompt, str):
            prompt = self._tokenizer.encode(prompt, control=control, add_markers=True)
        if not prompt:
            raise DataError(explain("prompt", expected="some text", got="an empty one"))
        sampling = sampling or Sampling()
        sampling = replace(sampling, never=(*sampling.never, *self._generation.never))
        writing = _Writing(self._tokenizer.decode_stream(), StopStrings(stop))
        if self._session.has_encoder:
            slot = self._answer(prompt, max_tokens, sampling, writing)
        else:
            slot = self._session.admit(prompt, sampling=sampling, max_tokens=max_tokens, stop_tokens=self._stop_tokens)
        self._writing[slot] = writing
        return slot

    def _answer(self, source: Sequence[int], max_tokens: int, sampling: Sampling, writing: _Writing) -> int:
        """Have the encoder read a text, and the decoder begin and end as the model's files ask."""
        first, last = self._generation.first, self._generation.last
        start = self._tokenizer.bos if self._generation.start is None else self._generation.start
        if start is None:
            expected = "a token that begins an answer (decoder_start_token_id)"
            raise ConfigError(explain("answering with an encoder-decoder", expected=expected, got="none"))
        begun = [] if first is None else [first]
        writing.begun = "".join(writing.stops.push(writing.stream.push(token)) for token in begun)
        return self._session.admit(
            [start, *begun],
            sampling=sampling,
            max_tokens=max(min(max_tokens, 0), max_tokens - len(begun) - (last is not None)),
            stop_tokens=self._stop_tokens,
            source=source,
        )

    def was_cut(self, slot: int) -> bool:
        """Whether a text ended at its `max_tokens` or with the context, not by itself."""
        return slot in self._session.cut

    def step(self) -> dict[int, str | None]:
        """One step of the session.

        Returns:
            the text that became certain of each slot that has some, None for a slot that has ended.
        """
        told: dict[int, str | None] = dict.fromkeys(self._ended)
        self._ended.clear()
        for slot, token in self._session.step().items():
            piece = self._written(slot, token)
            if piece:
                told[slot] = piece
            if slot not in self._writing and piece:
                self._ended.append(slot)
            elif slot not in self._writing:
                told[slot] = None
        return told

    def release(self, slot: int) -> None:
        """End a text before its time.

        Raises:
            ConfigError: the slot is not in use.
        """
        if slot in self._ended:
            self._ended.remove(slot)
        else:
            self._session.release(slot)
            del self._writing[slot]

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while self._session.active or self._ended:
            for slot, piece in self.step().items():
                if piece is not None:
                    yield slot, piece

    def __enter__(self) -> "TextSession":
        return self

    def __exit__(self, *end: object) -> None:
        self._session.__exit__(*end)

    def _written(self, slot: int, token: int | None) -> str:
        """The text that a token makes certain; a slot whose text is at its end is forgotten."""
        writing = self._writing[slot]
        stream, stops = writing.stream, writing.stops
        begun, writing.begun = writing.begun, ""
        if token is not None:
            writing.tokens += 1
            piece = stops.push(stream.push(token))
            if stops.found:
                self.release(slot)
                self.endings[slot] = Ending(tokens=writing.tokens, reason="stop")
            return begun + piece
        del self._writing[slot]
        self.endings[slot] = Ending(tokens=writing.tokens, reason="length" if self.was_cut(slot) else "end")
        return begun + stops.push(stream.finish()) + stops.finish()
