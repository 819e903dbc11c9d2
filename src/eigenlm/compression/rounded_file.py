"""A model in a GGUF file whose numbers are rounded for what its matrices read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.checkpoint import write_gguf
from eigenlm.checkpoint.gguf_blocks import SEARCHED, encode, encode_in_turn
from eigenlm.checkpoint.gguf_writer import Encoder
from eigenlm.linalg.error_feedback import feedback
from eigenlm.model import Transformer
from eigenlm.observe import measure

Grams = Mapping[str, Float[Tensor, "n n"]]


class WithFeedback(Encoder):
    """Columns in turn, each making up for the errors of those before it (`linalg.error_feedback`).

    Args:
        storage: a type of `allowed.gguf_type`.
        grams: of the inputs of linear layers, by name; what has none is rounded as if nothing were known.
    """

    informed = True

    def __init__(self, storage: str, grams: Grams) -> None:
        super().__init__(storage)
        self._grams = grams

    def encode(self, sources: Sequence[str], numbers: Tensor, kind: GGMLQuantizationType) -> np.ndarray:
        """A tensor as bytes of a type."""
        found = [self._grams.get(name.removesuffix(".weight")) for name in sources]
        if kind.name not in SEARCHED or all(gram is None for gram in found):
            return super().encode(sources, numbers, kind)
        if numbers.ndim == 2:  # made of several layers, it is of layers that read the same
            known = [gram for gram in found if gram is not None]
            return self._matrix(numbers, torch.stack(known).mean(0), kind)
        each = zip(sources, numbers, found, strict=True)
        return np.stack(
            [
                super(WithFeedback, self).encode([source], W, kind) if gram is None else self._matrix(W, gram, kind)
                for source, W, gram in each
            ]
        )

    def _matrix(self, W: Tensor, gram: Tensor, kind: GGMLQuantizationType) -> np.ndarray:
        return encode_in_turn(W, feedback(gram.cpu()), feedback(torch.ones(len(W))), kind)


class ByImportance(WithFeedback):
    """Numbers one by one, weighted by the mean square of their input: the bytes of llama.cpp with an imatrix."""

    def _matrix(self, W: Tensor, gram: Tensor, kind: GGMLQuantizationType) -> np.ndarray:
        return encode(W.numpy(), kind, gram.diagonal().cpu().numpy().copy())


def quantize(
    path: str | Path,
    model: Transformer,
    windows: Int[Tensor, "B T"],
    *,
    storage: str,
    like_llama_cpp: bool = False,
    seed: int = 0,
    **parts: Any,
) -> str:
    """Write a GGUF file that is rounded for a text; returns its architecture.

    Args:
        path: the file.
        model: what to write.
        windows: (B, T) calibration text.
        storage: a type of `allowed.gguf_type`.
        like_llama_cpp: with the bytes that llama.cpp's own quantization gives for an imatrix of the same text.
        seed: of the random generator that draws gradients.
        parts: what else `write_gguf` takes.
    """
    if like_llama_cpp:
        found = measure(model, windows, kinds=("inputs",))
        encoder: Encoder = ByImportance(storage, found.input_grams)
    else:
        found = measure(model, windows, seed=seed, kinds=("weighted",))
        encoder = WithFeedback(storage, found.weighted_grams)
    return write_gguf(path, model, storage=encoder, **parts)
