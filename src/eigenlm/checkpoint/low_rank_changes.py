"""What low-rank layers add to a model's matrices, under the names and in the order of rows of another program."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.checkpoint.choose_family import choose_family, dense_tensors
from eigenlm.checkpoint.dialects import Dialect
from eigenlm.checkpoint.dialects.layout import TRANSPOSED
from eigenlm.checkpoint.narrowing import check_narrowed
from eigenlm.checkpoint.renaming import TheirTensors
from eigenlm.errors import ConfigError, explain
from eigenlm.linear import LinearMap, LowRankLinear, SumLinear, linear_maps
from eigenlm.model import Transformer, TransformerConfig

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_WRITING = "writing an adapter"


@dataclass(frozen=True)
class LowRankChange:
    """B @ A, which is added to one matrix.

    Attributes:
        B: (m, R).
        A: (R, n).
        in_first: whether the program holds the matrix as (n, m).
    """

    B: Float[Tensor, "m R"]
    A: Float[Tensor, "R n"]
    in_first: bool

    @property
    def rank(self) -> int:
        """R."""
        return len(self.A)

    def stored(self, name: str, storage: str) -> "LowRankChange":
        """With factors of a type.

        Args:
            name: of the layer.
            storage: F32, F16 or BF16.

        Raises:
            CheckpointError: the type does not hold the numbers.
        """
        factors = {part: getattr(self, part).detach().cpu().float() for part in "BA"}
        narrow = {part: factor.to(DTYPES[storage]).contiguous() for part, factor in factors.items()}
        for part, factor in factors.items():
            check_narrowed(f"{name}, {part}", factor, narrow[part].float(), storage)
        return replace(self, **narrow)


@dataclass(frozen=True)
class LowRankChanges:
    """The changes of one model.

    Attributes:
        family: whose names they have.
        of: the changes, by the name of a layer.
        others: layers and other parts that do not change.
    """

    family: str
    of: Mapping[str, LowRankChange]
    others: frozenset[str]

    @property
    def usual_rank(self) -> int:
        """The rank that most have."""
        return Counter(change.rank for change in self.of.values()).most_common(1)[0][0]


def low_rank_changes(model: Transformer, dialects: Mapping[str, Dialect], family: str | None) -> LowRankChanges:
    """The last parts of sums, where they are of low rank.

    Layers that the program holds in one matrix change together: of B_1 A_1 and B_2 A_2 it is diag(B_1, B_2) [A_1; A_2].

    Args:
        model: with layers that are sums.
        dialects: the families of a format.
        family: which to prefer where several fit.

    Raises:
        ConfigError: no layer is such a sum, no family holds the model, or experts change.
    """
    added = {f"{name}.weight": part for name, layer in linear_maps(model).items() if (part := _added(layer))}
    if not added:
        expected, do = "layers with a low-rank part beside their matrix", "write an eigenlm folder"
        raise ConfigError(explain(_WRITING, expected=expected, got="none", do=do))
    if experts := [name for name in added if ".experts." in name]:
        got, do = experts[0].removesuffix(".weight"), "write an eigenlm folder"
        expected = "matrices that no program stacks"
        raise ConfigError(explain(_WRITING, expected=expected, got=got, do=do))
    dense = dense_tensors(model, multiply_out=True)
    dialect, theirs = choose_family(dialects, model.config, dense, family)
    heights = {name: len(tensor) for name, tensor in dense.items() if tensor.ndim}
    changes, others = {}, set()
    for name in theirs:
        sources = theirs.sources(name)
        if added.keys().isdisjoint(sources):
            others.add(name.rpartition(".")[0])
        else:
            parts = {source: (heights[source], added.get(source)) for source in sources}
            changes[name.removesuffix(".weight")] = _together(parts, name, dialect.of(model.config), model.config)
    return LowRankChanges(dialect.family, changes, frozenset(others))


def _added(layer: LinearMap) -> LowRankLinear | None:
    last = layer.parts[-1] if isinstance(layer, SumLinear) else None
    return last if isinstance(last, LowRankLinear) else None


def _together(
    parts: Mapping[str, tuple[int, LowRankLinear | None]], name: str, dialect: Dialect, config: TransformerConfig
) -> LowRankChange:
    """The change of one of the program's matrices, from those of ours that it is made of, with their rows."""
    layers = [layer for _, layer in parts.values() if layer is not None]
    rank, start, blocks = sum(layer.rank for layer in layers), 0, {}
    for source, (rows, layer) in parts.items():
        blocks[source] = layers[0].B.new_zeros(rows, rank)
        if layer is not None:
            blocks[source][:, start : start + layer.rank] = layer.B.detach()
            start += layer.rank
    B, in_first = TheirTensors(dialect, blocks, config)[name], TRANSPOSED in dialect.place(source).layout
    return LowRankChange(B.mT if in_first else B, torch.cat([layer.A.detach() for layer in layers]), in_first)
