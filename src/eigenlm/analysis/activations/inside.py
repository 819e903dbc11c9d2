"""What is watched inside a transformer of ours, beside its linear layers: residual stream, attention, logit lens."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from eigenlm.analysis.activations.heads import AttentionHead, AttentionSums
from eigenlm.analysis.activations.induction import induction_scores
from eigenlm.analysis.activations.logit_lens import LensSums
from eigenlm.analysis.activations.residual_stream import SAMPLE, LayerStream, StreamSums, evenly, similarity
from eigenlm.engine.room import pass_bytes
from eigenlm.model import Transformer
from eigenlm.observe.watching import watch_attention, watch_residual_stream

_LENS_TOKENS = 512


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """What was not measured, and why.

    Attributes:
        part: `linear inputs`, `residual stream`, `logit lens`, `attention heads` or `similarity of layers`.
        reason: in one line.
    """

    part: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class InsideRows:
    """Rows of layers and heads, the similarity of layers, and what is missing; as in `Activations`."""

    layers: list[LayerStream]
    heads: list[AttentionHead]
    cka: tuple[tuple[float, ...], ...]
    left_out: list[LeftOut]


class InsideSums:
    """Sums over the text that passes through a decoder or an encoder, one window at a time.

    Args:
        model: the transformer.
        num_windows: how many windows will come.
    """

    def __init__(self, model: Transformer, num_windows: int) -> None:
        self._model = model
        self._names = ["embedding", *(f"blocks.{n}" for n in range(model.config.num_layers))]
        self._streams = [StreamSums(num_windows) for _ in self._names]
        self._decodes = model.config.kind == "decoder"
        self._heads = AttentionSums(causal=self._decodes)
        self._lens = LensSums(model) if self._decodes and model.head is not None else None
        self._lens_a_window = -(-_LENS_TOKENS // num_windows)
        self._now: dict[int, Tensor] = {}

    def num_bytes(self, tokens: int) -> int:
        """Held with a window of so many tokens: a pass, its streams and logits, and Grams and samples of streams."""
        config, number = self._model.config, next(self._model.parameters()).itemsize
        D = config.d_model
        streams = len(self._names) * D * (tokens * number + 4 * D + 4 * SAMPLE)
        logits = 0 if self._model.head is None else tokens * config.vocab_size * number
        return pass_bytes(config, tokens, number) + streams + logits

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the `with` block runs."""
        with watch_residual_stream(self._model, self._now.__setitem__), watch_attention(self._model, self._heads.see):
            yield

    def next_window(self, ids: Int[Tensor, " T"]) -> None:
        """Take in what the pass of this window left."""
        streams_LTD = [self._now[n][0] for n in range(len(self._names))]
        self._now.clear()
        for sums, x_TD in zip(self._streams, streams_LTD):
            sums.add(x_TD)
        if self._lens is not None and self._lens.num_tokens < _LENS_TOKENS:
            places = torch.tensor(evenly(len(ids) - 1, self._lens_a_window), device=ids.device)
            self._lens.add(torch.stack([x_TD[places] for x_TD in streams_LTD]), ids[places + 1])

    def rows(self, *, seed: int) -> InsideRows:
        """What was found in the layers up to the first whose numbers are not finite."""
        left_out = [] if self._lens else [LeftOut(part="logit lens", reason="only decoders predict the next token")]
        finite = [sums.is_finite for sums in self._streams]
        count = finite.index(False) if False in finite else len(finite)
        if count < len(finite):
            reason = f"NaN or infinity in the stream after {self._names[count]}"
            left_out.append(LeftOut(part="residual stream", reason=f"{reason}; the layers before are kept"))
            left_out.append(LeftOut(part="logit lens", reason=f"{reason}, and in the last layer's answers"))
        lenses = self._lens.readings() if self._lens and count == len(finite) else [None] * count
        bad_heads = self._heads.not_finite()
        if bad_heads:
            reason = f"NaN in the attention of blocks.{bad_heads[0]}; the layers before are kept"
            left_out.append(LeftOut(part="attention heads", reason=reason))
        induction = induction_scores(self._model, seed=seed) if self._decodes else None
        rows = zip(self._streams[:count], self._names, lenses)
        return InsideRows(
            layers=[sums.row(name, lens, seed=seed) for sums, name, lens in rows],
            heads=self._heads.rows(induction),
            cka=similarity(self._streams[:count]),
            left_out=left_out,
        )
