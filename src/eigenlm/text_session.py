"""Many texts continued at once: text in, pieces of text out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eigenlm.engine import Sampling, Session
from eigenlm.errors import DataError, explain
from eigenlm.text import StopStrings, TextStream, Tokenizer


@dataclass(frozen=True)
class _Writing:
    stream: TextStream
    stops: StopStrings


class TextSession:
    """An engine's session whose prompts and answers are text.

    Iterating gives `(slot, piece)` until all texts have ended; more may be admitted and released meanwhile.

    Args:
        session: that continues the tokens.
        tokenizer: text to token ids and back.
        stop_tokens: tokens that end a text.
    """

    def __init__(self, session: Session, tokenizer: Tokenizer, stop_tokens: frozenset[int]) -> None:
        self._session, self._tokenizer, self._stop_tokens = session, tokenizer, stop_tokens
        self._writing: dict[int, _Writing] = {}
        self._ended: list[int] = []  # slots whose end is still to be told

    def admit(
        self,
        prompt: str | Sequence[int],
        *,
        max_tokens: int = 128,
        sampling: Sampling | None = None,
        stop: Sequence[str] = (),
    ) -> int:
        """Give a prompt a slot; the next steps read and continue it.

        Args:
            prompt: the text to continue, or its tokens.
            max_tokens: the most new tokens.
            sampling: how tokens are chosen; greedy by default.
            stop: strings that end the text; they are not part of it.

        Returns:
            the number of the slot.

        Raises:
            DataError: an empty prompt.
            ShapeError: a prompt that fills the context.
            ConfigError: a prompt for which there is no memory.
        """
        ids = self._tokenizer.encode(prompt, add_markers=True) if isinstance(prompt, str) else prompt
        if not ids:
            raise DataError(explain("prompt", expected="some text", got="an empty one"))
        slot = self._session.admit(ids, sampling=sampling, max_tokens=max_tokens, stop_tokens=self._stop_tokens)
        self._writing[slot] = _Writing(self._tokenizer.decode_stream(), StopStrings(stop))
        return slot

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
        stream, stops = self._writing[slot].stream, self._writing[slot].stops
        if token is not None:
            piece = stops.push(stream.push(token))
            if stops.found:
                self.release(slot)
            return piece
        del self._writing[slot]
        return stops.push(stream.finish()) + stops.finish()
