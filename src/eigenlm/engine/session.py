"""Many texts continued at once: they are admitted and released between steps, and each is as it would be alone."""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from eigenlm.allowed import check
from eigenlm.attention import DecodingState, Memory, Place, Visibility
from eigenlm.engine.left_padding import left_padded
from eigenlm.engine.room import bytes_per_token, vector_codes
from eigenlm.engine.runner import Runner
from eigenlm.engine.sampling import BEYOND_FLOATS, Sampler, Sampling, choose
from eigenlm.errors import ConfigError, DataError, ShapeError, explain
from eigenlm.machine.memory import free_memory
from eigenlm.model import TransformerConfig, VocabularyHead

_READ_TOGETHER = 4096  # tokens of prompts, padding included, that are read in one step


@dataclass(eq=False)
class _Text:
    """A text that waits for a row of the state, or has one.

    Attributes:
        slot: its number in the session.
        tokens: the prompt, and those that followed.
        source: tokens for the encoder.
        sampler: of its tokens.
        stops: tokens that end it.
        left: tokens that may still come.
        size: columns it needs in the state, its last token not being kept.
    """

    slot: int
    tokens: list[int]
    source: list[int]
    sampler: Sampler
    stops: frozenset[int]
    left: int
    size: int


class Session:
    """Slots for texts that are continued side by side, a token of each a step.

    Prompts wait until there is memory for them, and are then read in the order they came; short ones are read together.

    Args:
        runner: of a decoder, or of an encoder-decoder.
        max_tokens_held: the most places for tokens in the state, which has as many for each text as the longest needs;
            by default as many as half of the free memory holds.
        cache: how keys and values are kept: as they are (`float`), or in 8 or 5 bits a number (`int8`, `int4`).

    Attributes:
        cut: slots whose text ended at its `max_tokens` or with the context, not by itself.

    Raises:
        ShapeError: the model does not generate.
    """

    def __init__(self, runner: Runner, *, max_tokens_held: int | None = None, cache: str = "float") -> None:
        config = runner.model.config
        if config.kind == "encoder" or not isinstance(config.head, VocabularyHead):
            got = "an encoder" if config.kind == "encoder" else "one without a head over the vocabulary"
            raise ShapeError(
                explain("generation", expected="a decoder or encoder-decoder that predicts tokens", got=got)
            )
        weight = next(runner.model.parameters())
        self._runner, self._config, self._device = runner, config, weight.device
        if max_tokens_held is None:
            max_tokens_held = free_memory(weight.device) // 2 // bytes_per_token(config, weight.dtype, cache)
        self.max_tokens_held = max_tokens_held
        self._changes_beyond = {layer.attention.changes_beyond for layer in config.layers}
        self._codes = vector_codes(cache, config)
        self._model = runner.model
        self._state = self._new_state()
        self._texts: list[_Text] = []  # that have rows, in the order of these
        self._waiting: deque[_Text] = deque()
        self._ended: list[int] = []  # slots whose end is still to be told
        self._failed: list[int] = []  # slots that ended because their logits are no numbers
        self._room = (0, 0, 0)  # rows, columns, columns for encoders' outputs
        self._num_slots = 0
        self.cut: set[int] = set()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        """Release all slots."""
        self._texts.clear()
        self._waiting.clear()
        self._ended.clear()
        self._failed.clear()
        self._state, self._room = self._new_state(), (0, 0, 0)

    def _new_state(self) -> DecodingState:
        state = self._model.new_state()
        state.keep(self._codes)
        return state

    @property
    def has_encoder(self) -> bool:
        """Whether prompts need a source, for an encoder to read."""
        return self._config.kind == "encoder_decoder"

    @property
    def active(self) -> bool:
        """Whether a further step has something to tell."""
        return bool(self._texts or self._waiting or self._ended or self._failed)

    def admit(
        self,
        ids: Sequence[int],
        *,
        sampling: Sampling | None = None,
        max_tokens: int = 128,
        stop_tokens: Collection[int] = (),
        source: Sequence[int] | None = None,
    ) -> int:
        """Give a prompt a slot; the next steps read and continue it.

        Args:
            ids: the prompt.
            sampling: how its tokens are chosen; greedy by default.
            max_tokens: the most new tokens; the end of the context may come before.
            stop_tokens: tokens that end it; they are not given out.
            source: tokens for the encoder of an encoder-decoder.

        Returns:
            the number of the slot, which no other text gets.

        Raises:
            DataError: an empty prompt or source.
            ShapeError: a token outside the vocabulary, a prompt that fills the context, or a source missing or too
                many.
            ConfigError: fewer than no tokens, or it would not fit into the memory for states if it were alone.
        """
        if (source is None) == (self._config.kind == "encoder_decoder"):
            expected = "a source if, and only if, the model is an encoder-decoder"
            raise ShapeError(explain("prompt", expected=expected, got="none" if source is None else "one"))
        context = self._config.context_length
        prompt = _checked(ids, "prompt", self._config, context - 1)
        read = [] if source is None else _checked(source, "source", self._config, context)
        check(max_tokens=max_tokens)
        left = min(max_tokens, context - len(prompt))
        sampling = sampling or Sampling()
        never = tuple(token for token in sampling.never if 0 <= token < self._config.vocab_size)
        text = _Text(
            slot=self._num_slots,
            tokens=prompt,
            source=read,
            sampler=Sampler(replace(sampling, never=never), tuple(prompt), self._device),
            stops=frozenset(stop_tokens),
            left=left,
            size=len(prompt) + left - 1,
        )
        if not self._fits([text], alone=True):
            expected = f"at most {self.max_tokens_held} tokens with those to come, all that memory holds"
            got = f"{text.size + len(read)}"
            raise ConfigError(explain("prompt", expected=expected, got=got, do="shorten it or ask for fewer tokens"))
        self._num_slots += 1
        if left > 0:
            self._waiting.append(text)
        else:
            self._run_out(text)
        return text.slot

    @torch.inference_mode()
    def step(self) -> dict[int, int | None]:
        """Read some of the waiting prompts, and continue each text that is read by a token.

        Returns:
            the token of each slot that got one, None for a slot that has ended; its memory is free again, and it does
            not have to be released.

        Raises:
            DataError: the logits of a text are NaN or infinite; it has ended, and the next call continues the others.
        """
        if self._failed:
            got = f"NaN or infinity for slot {self._failed.pop(0)}"
            raise DataError(explain("choosing a token", expected="finite logits", got=got, do=BEYOND_FLOATS))
        told: dict[int, int | None] = dict.fromkeys(self._ended)
        self._ended.clear()
        self._read_anew()
        if self._texts:
            told |= self._continue()
        if group := self._next_to_read():
            told |= self._read(group)
        return told

    @torch.inference_mode()
    def release(self, slot: int) -> None:
        """End a text before its time.

        Raises:
            ConfigError: the slot is not in use.
        """
        text = next((text for text in (*self._texts, *self._waiting) if text.slot == slot), None)
        if text is not None:
            self._leave(text)
        elif slot in self._ended:
            self._ended.remove(slot)
            self.cut.discard(slot)
        elif slot in self._failed:
            self._failed.remove(slot)
        else:
            do = "it has ended, was released, or never was"
            raise ConfigError(explain("release", expected="a slot in use", got=slot, do=do))

    def _continue(self) -> dict[int, int | None]:
        ids_B1 = torch.tensor([[text.tokens[-1]] for text in self._texts], device=self._device)
        rows = slice(0, len(self._texts))
        place = self._state.advance(rows, [1] * rows.stop, self._device, causal=True)
        return self._choose(self._texts, self._model.run(ids_B1, place, self._state, self._memory()))

    def _read_anew(self) -> None:
        """Let texts wait, so that they are read again, where the state of all their tokens changes with the next."""
        for text in list(self._texts):
            if len(text.tokens) - 1 in self._changes_beyond:
                self._leave(text)
                self._waiting.appendleft(text)

    def _next_to_read(self) -> list[_Text]:
        """Waiting texts that there is room for, whose prompts are not mostly padding when they are read together."""
        group: list[_Text] = []
        while self._waiting and self._fits([*group, self._waiting[0]]):
            lengths = [len(text.tokens) for text in (*group, self._waiting[0])]
            padded = len(lengths) * max(lengths)
            if group and (self._waiting[0].source or padded > min(2 * sum(lengths), _READ_TOGETHER)):
                break
            group.append(self._waiting.popleft())
        return group

    def _read(self, group: list[_Text]) -> dict[int, int | None]:
        self._model = self._runner.current()
        self._make_room(group)
        ids_BT, _ = left_padded([torch.tensor(text.tokens) for text in group])
        rows = slice(len(self._texts), len(self._texts) + len(group))
        counts = [len(text.tokens) for text in group]
        place = self._state.advance(rows, counts, self._device, causal=True)
        memory = None
        if group[0].source:  # then it is alone
            memory = self._model.encode(torch.tensor([group[0].source], device=self._device))
            memory.place.rows = rows
        self._texts += group
        return self._choose(group, self._model.run(ids_BT.to(self._device), place, self._state, memory))

    def _choose(self, texts: Sequence[_Text], hidden_BTD: Tensor) -> dict[int, int | None]:
        logits_BV = self._model.logits(hidden_BTD[:, -1:])[:, 0]
        told: dict[int, int | None] = {}
        for text, token in zip(list(texts), choose(logits_BV, [text.sampler for text in texts])):
            if token is None:
                self._failed.append(text.slot)
                self._leave(text)
                continue
            if token in text.stops:
                told[text.slot] = None
                self._leave(text)
                continue
            told[text.slot] = token
            text.tokens.append(token)
            text.left -= 1
            if text.left == 0:
                self._run_out(text)
                self._leave(text)
        return told

    def _run_out(self, text: _Text) -> None:
        self._ended.append(text.slot)
        self.cut.add(text.slot)

    def _leave(self, text: _Text) -> None:
        """Take a text out; the last row takes the place of its."""
        if text in self._waiting:
            self._waiting.remove(text)
            return
        row = self._texts.index(text)
        self._state.drop(row)
        self._texts[row] = self._texts[-1]
        self._texts.pop()

    def _memory(self) -> Memory | None:
        """What the encoder's outputs of all rows are to the next token; their keys and values are in the state."""
        sizes = [len(text.source) for text in self._texts]
        if not max(sizes):
            return None
        places_S = torch.arange(max(sizes), device=self._device)
        mask_B1S = places_S < torch.tensor(sizes, device=self._device)[:, None, None]
        place = Place(places_S.expand(len(sizes), -1), causal=False, rows=slice(0, len(sizes)), num_keys=max(sizes))
        return Memory(None, Visibility(mask=mask_B1S[:, None]), place)

    def _needed(self, texts: Sequence[_Text]) -> tuple[int, int, int]:
        return len(texts), max(text.size for text in texts), max(len(text.source) for text in texts)

    def _fits(self, more: Sequence[_Text], *, alone: bool = False) -> bool:
        rows, columns, sources = self._needed(more if alone else [*self._texts, *more])
        return rows * (columns + sources) <= self.max_tokens_held

    def _make_room(self, group: Sequence[_Text]) -> None:
        """Have rows and columns for more texts; rows double, so that few admissions move what is held."""
        rows, columns, sources = self._needed([*self._texts, *group])
        if all(has >= needs for has, needs in zip(self._room, (rows, columns, sources))):
            return
        most = self.max_tokens_held // max(columns + sources, 1)
        self._room = (max(rows, min(2 * self._room[0], most)), columns, sources)
        self._state.resize(*self._room)


def _checked(ids: Sequence[int], what: str, config: TransformerConfig, most: int) -> list[int]:
    """The tokens, if they can be read."""
    tokens = [int(id) for id in ids]
    if not tokens:
        raise DataError(explain(what, expected="at least one token", got="an empty one"))
    if len(tokens) > most:
        raise ShapeError(explain(what, expected=f"fewer than {most + 1} tokens", got=len(tokens), do="shorten it"))
    worst = min(tokens) if min(tokens) < 0 else max(tokens)
    if not 0 <= worst < config.vocab_size:
        raise ShapeError(explain(f"token ids of a {what}", expected=f"0 to {config.vocab_size - 1}", got=worst))
    return tokens
