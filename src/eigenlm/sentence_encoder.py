"""Texts to vectors as a model's files say: prompt, length, pooling and norm; texts of like length side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from eigenlm.checkpoint import SentenceVectors
from eigenlm.engine import Runner, left_padded
from eigenlm.engine.room import pass_bytes
from eigenlm.engine.sampling import BEYOND_FLOATS
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.machine.memory import check_memory
from eigenlm.model.pooling import pool
from eigenlm.text import Tokenizer

_TOKENS = 4096  # of texts that pass the model at once, what fills up the shorter ones among them
_LETTER = 400  # bytes that the library of tokenizers takes for each letter of a text, about
_QUERY, _PASSAGE = ("query",), ("document", "passage", "corpus")  # as sentence-transformers looks for them


@dataclass(frozen=True)
class SentenceEncoder:
    """What makes one vector of a text.

    Attributes:
        runner: of the model.
        tokenizer: text to token ids.
        vectors: what is done before and after the model.
        prompt: the text put before each text; empty for none.
    """

    runner: Runner
    tokenizer: Tokenizer
    vectors: SentenceVectors
    prompt: str = ""

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return len(self.vectors.pooling) * self.runner.model.config.d_model

    @property
    def limit(self) -> int | None:
        """The most tokens of a text that are read, markers and prompt among them; None where a text must fit whole."""
        longest = self.vectors.max_length
        return None if longest is None else min(longest, self.runner.model.config.context_length)

    @cached_property
    def around(self) -> int:
        """Tokens that the prompt and the markers take of every text."""
        return len(self.tokenizer.encode(self._spelled(""), add_markers=True))

    def read(self, texts: Sequence[str]) -> tuple[list[list[int]], list[int]]:
        """The tokens of texts, and the places of those that were too long: they lose tokens before their last markers.

        Raises:
            DataError: a text of no token.
            ConfigError: too little memory for the longest.
        """
        spelled = [self._spelled(text) for text in texts]
        longest = max(map(len, spelled), default=0)
        check_memory(_LETTER * longest, None, f"reading a text of {longest:,} letters", "cut it into shorter ones")
        rows = self.tokenizer.encode_batch(spelled, add_markers=True)
        if not all(rows):
            raise DataError(explain("embedding", expected="texts of at least one token", got="an empty one"))
        if (limit := self.limit) is None:
            return rows, []
        cut = [place for place, row in enumerate(rows) if len(row) > limit]
        for place in cut:
            row, after = rows[place], self._ends(spelled[place])
            rows[place] = row[: limit - after] + row[len(row) - after :]
        return rows, cut

    def encode(self, rows: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], Float[Tensor, "B D"]]]:
        """The places of some texts among rows of tokens and their vectors, then of more: the longest first.

        Raises:
            DataError: numbers that outgrow the model's floats.
            ShapeError: a text longer than the context.
            ConfigError: too little memory.
        """
        order = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
        while order:
            count = max(1, _TOKENS // len(rows[order[0]]))
            batch, order = order[:count], order[count:]
            yield batch, self._pooled([torch.tensor(rows[place]) for place in batch])

    def vectors_of(self, rows: Sequence[Sequence[int]]) -> Float[Tensor, "B D"]:
        """The vectors of rows of tokens in their order; errors as of `encode`."""
        places, vectors = zip(*self.encode(rows))
        return torch.cat(vectors)[torch.tensor([*chain.from_iterable(places)]).argsort()]

    @torch.inference_mode()
    def _pooled(self, rows: list[Tensor]) -> Float[Tensor, "B D"]:
        model = self.runner.model
        weight = next(model.parameters())
        ids, positions = (part.to(weight.device) for part in left_padded(rows))
        needed = pass_bytes(model.config, ids.numel(), weight.itemsize)
        check_memory(needed, weight.device, f"embedding texts of {ids.shape[1]:,} tokens", "give shorter ones")
        hidden_BTD = self.runner.current().hidden(ids, positions=positions).float()
        taken_BT = (positions >= self._skipped) | (positions == positions[:, -1:])
        pooled = torch.cat([pool(hidden_BTD, taken_BT, positions, how) for how in self.vectors.pooling], dim=-1)
        if not bool(pooled.isfinite().all()):
            got = "NaN or infinity"
            raise DataError(explain("embedding", expected="finite vectors", got=got, do=BEYOND_FLOATS))
        return F.normalize(pooled, dim=-1) if self.vectors.normalize else pooled

    @cached_property
    def _skipped(self) -> int:
        """Tokens at the beginning that do not count in pooling."""
        if self.vectors.pool_prompt or not self.prompt:
            return 0
        return self.around - self._ends(self._spelled(""))

    def _spelled(self, text: str) -> str:
        text = self.prompt + text
        return text.lower() if self.vectors.lowercase else text

    def _ends(self, text: str) -> int:
        """How many markers stand after a text."""
        plain, marked = self.tokenizer.encode(text), self.tokenizer.encode(text, add_markers=True)
        markers = len(marked) - len(plain)
        return next(n for n in range(markers + 1) if marked[markers - n : len(marked) - n] == plain)


def chosen_prompt(vectors: SentenceVectors, name: str | None) -> str:
    """The text of a prompt by its name, or of the default one; empty where there is none.

    Raises:
        ConfigError: none of that name.
    """
    name = vectors.default_prompt if name is None else name
    if name is not None and name not in vectors.prompts:
        known = ", ".join(vectors.prompts) or "none"
        raise ConfigError(explain("the prompt of an embedding", expected=f"one of: {known}", got=repr(name)))
    return "" if name is None else vectors.prompts[name]


def prompt_of_queries(vectors: SentenceVectors) -> str | None:
    """The name of the prompt that is put before what is looked for, if the model's files have one."""
    return next((name for name in _QUERY if name in vectors.prompts), None)


def prompt_of_passages(vectors: SentenceVectors) -> str | None:
    """The name of the prompt that is put before what is searched, if the model's files have one."""
    return next((name for name in _PASSAGE if name in vectors.prompts), None)
