"""A GGUF file of a given size: which type each matrix has, so that all together lose least."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.checkpoint import gguf_size, write_gguf
from eigenlm.checkpoint.gguf_blocks import encode_in_turn
from eigenlm.checkpoint.gguf_mixture import TypeMixture
from eigenlm.checkpoint.renaming import TheirTensors
from eigenlm.compression.methods.blocks import TYPES
from eigenlm.compression.offers import Metric
from eigenlm.compression.rounded_file import Grams, WithFeedback
from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.allocation import choose
from eigenlm.linalg.error_feedback import feedback
from eigenlm.linear.blocks import bytes_of_row
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.observe import linears, measure
from eigenlm.observe.vocabulary_gram import vocabulary_gram
from eigenlm.observe.weighted_grams import weighted_grams
from eigenlm.progress import track

_EMBEDDING = "embedding.token"
_NARROWEST = 32  # numbers in a block, of the types that have fewest


@dataclass(frozen=True)
class TypePrice:
    """What a matrix costs in a type.

    Attributes:
        type: its name.
        bytes: of the file.
        loss: nats per token, to second order.
    """

    type: str
    bytes: int
    loss: float


class OfTypes(WithFeedback):
    """Matrices of the types that were chosen for them, all others as in a file of Q8_0.

    Args:
        types: names of types by names of linear layers and of the embedding.
        grams: as for `WithFeedback`.
    """

    file_type = None

    def __init__(self, types: Mapping[str, str], grams: Grams) -> None:
        super().__init__("Q8_0", grams)
        self._types = types

    def kinds(self, tensors: TheirTensors, config: TransformerConfig) -> dict[str, GGMLQuantizationType]:
        """The type of each of a file's tensors; one that is made of several has the widest of theirs."""
        kinds = TypeMixture(name=self.storage).kinds({name: tensors.shape(name) for name in tensors})
        for name in tensors:
            chosen = [self._types.get(source.removesuffix(".weight")) for source in tensors.sources(name)]
            if known := [TYPES.index(each) for each in chosen if each is not None]:
                kinds[name] = GGMLQuantizationType[TYPES[max(known)]]
        return kinds


@dataclass(frozen=True)
class TypePrices:
    """What each matrix of a model costs in each type; files of any size follow from it.

    Attributes:
        of: the prices of linear layers and of the embedding, by name.
        grams: by which they are rounded.
        others: bytes of all other tensors.
    """

    of: Mapping[str, Sequence[TypePrice]]
    grams: Grams
    others: int

    def write(self, path: str | Path, model: Transformer, num_bytes: int, **parts: Any) -> Mapping[str, str]:
        """Write a GGUF file of at most so many bytes; returns the type that each matrix got.

        Args:
            path: the file.
            model: that the prices are of.
            num_bytes: of the file.
            parts: what else `write_gguf` takes.

        Raises:
            ConfigError: no choice of types is so small.
        """
        head = 0  # what the file says of itself before the tensors
        while True:
            types = self.types(num_bytes - head, num_bytes)
            storage = OfTypes(types, self.grams)
            if (excess := gguf_size(model, storage, **parts) - num_bytes) <= 0:
                break
            head += excess
        write_gguf(path, model, storage=storage, **parts)
        return types

    def types(self, num_bytes: int, asked: int) -> dict[str, str]:
        """The type of each matrix for which all together lose least.

        Args:
            num_bytes: of the tensors.
            asked: of the file, for the message.

        Raises:
            ConfigError: no choice is so small.
        """
        budget = num_bytes - self.others
        choice = choose({name: _costs_and_losses(each) for name, each in self.of.items()}, budget)
        if choice.cost > budget:
            expected, got = f"{asked + choice.cost - budget:,} bytes at least", f"{asked:,}"
            raise ConfigError(explain("size of a GGUF file", expected=expected, got=got, do="ask for a larger file"))
        return {name: self.of[name][option].type for name, option in choice.options.items()}


def type_prices(model: Transformer, windows: Int[Tensor, "B T"], *, seed: int = 0) -> TypePrices:
    """Round every matrix to every type, and tell to second order what that costs.

    Args:
        model: with a head over the vocabulary.
        windows: (B, T) calibration text.
        seed: of the random generator that samples labels.
    """
    weighted, seen = weighted_grams(model, windows, seed=seed), measure(model, windows, seed=seed)
    vocabulary, layers = vocabulary_gram(model, windows, seed=seed), linears(model)
    matrices = {
        name: (layers[name].dense().detach(), weighted[name], Metric(seen.input_gram(name), G).loss)
        for name, G in seen.output_grams.items()
    }
    matrices[_EMBEDDING] = model.embedding.token.weight.detach(), vocabulary.gram, vocabulary.loss
    whole = {name: each for name, each in matrices.items() if each[0].shape[1] % _NARROWEST == 0}
    prices = {name: _prices(*each) for name, each in track(whole.items(), "rounding", total=len(whole))}
    others = sum(each.numel() for each in model.parameters()) - sum(W.numel() for W, _, _ in whole.values())
    return TypePrices(prices, {**weighted, _EMBEDDING: vocabulary.gram}, 4 * others)


def _prices(W: Float[Tensor, "m n"], gram: Tensor, loss: Callable[[Tensor], float]) -> list[TypePrice]:
    given, found = feedback(gram.cpu()), []
    for name in TYPES:
        kind = GGMLQuantizationType[name]
        if W.shape[1] % GGML_QUANT_SIZES[kind][0] == 0:
            rounded = torch.from_numpy(dequantize(encode_in_turn(W.cpu(), given, kind), kind))
            found.append(TypePrice(name, len(W) * bytes_of_row(W.shape[1], int(kind)), loss(rounded - W.float().cpu())))
    return found


def _costs_and_losses(prices: Sequence[TypePrice]) -> tuple[Tensor, Tensor]:
    costs = torch.tensor([float(price.bytes) for price in prices], dtype=torch.float64)
    return costs, torch.tensor([price.loss for price in prices], dtype=torch.float64)
