"""What each linear layer is given: size, outliers and directions of its inputs, and what they make of its matrix."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eigenlm import linalg
from eigenlm.analysis.activations.outliers import OutlierChannel, outlier_channels
from eigenlm.analysis.marked_ranks import marked_ranks
from eigenlm.linalg.gram_sum import GramSum
from eigenlm.linalg.lanczos import top_eigenvalue
from eigenlm.linalg.power_iteration import unit_vector
from eigenlm.linear import LinearMap
from eigenlm.observe.inputs import SharedInputs, Sums

# Grams of all layers of a large model do not fit beside it; those of a group of layers do, and each costs a pass.
_GRAM_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class LinearInputs:
    """The inputs x of one matrix W (m, n), as tokens pass; C = E[x x^T], with eigenvalues l_1 >= l_2 >= ...

    Attributes:
        name: name of the matrix, as in its spectrum.
        tokens: how many inputs were seen.
        width: n, channels of an input.
        mean_square: mean of the square of a channel, tr(C) / n.
        max_abs: the largest magnitude.
        first_token_share: part of the sum of squares that the first tokens of windows hold (1 / T if all are alike).
        mean_share: ||E[x]||^2 / E[||x||^2]: part of the energy that is the same in every input, and acts as a bias.
        stable_rank: tr(C) / l_1, that of the matrix of all inputs.
        effective_rank: exp of the entropy of l_i / tr(C).
        top_pca_share: part of the variance along the first principal component, the mean taken out; None without any.
        num_outliers: channels of at least 6 times the median root mean square.
        outliers: the eight largest of them.
        output_stable_rank: E||W x||^2 over the largest eigenvalue of W C W^T.
        output_rank_90: the smallest rank at which some matrix keeps 90 % of E||W x||^2; compare with the spectrum's.
        output_rank_99: the same for 99 %.
        output_energy_kept: the most of E||W x||^2 that any matrix of a rank keeps, at the ranks of the spectrum's
            `energy_kept`: 1 - min E||(W - W') x||^2 / E||W x||^2, from the singular values of W C^(1/2)
            (arXiv:2403.07378, section 3).
    """

    name: str
    tokens: int
    width: int
    mean_square: float
    max_abs: float
    first_token_share: float | None
    mean_share: float | None
    stable_rank: float
    effective_rank: float
    top_pca_share: float | None
    num_outliers: int
    outliers: tuple[OutlierChannel, ...]
    output_stable_rank: float
    output_rank_90: int
    output_rank_99: int
    output_energy_kept: dict[int, float]


class InputSums(SharedInputs):
    """Sums over the inputs of linear layers, and what is told of them; `rows` lets the sums go."""

    def __init__(self, layers: Mapping[str, LinearMap]) -> None:
        super().__init__()
        self._layers = layers

    def unseen(self) -> list[str]:
        """Layers that nothing has passed through."""
        return [name for name in self._layers if name not in self.input_of]

    def not_finite(self) -> list[str]:
        """Layers whose inputs hold NaN or infinity, in the order in which text reaches them."""
        bad = {owner for owner, sums in self.sums.items() if not sums.gram.is_finite()}
        return [name for name, owner in self.input_of.items() if owner in bad]

    def spoilt(self) -> list[str]:
        """Layers whose own weights hold NaN or infinity."""
        return [name for name, layer in self._layers.items() if not bool(layer.dense().isfinite().all())]

    def rows(self) -> list[LinearInputs]:
        """A row for each layer with finite inputs and weights, in the module's order; Grams are let go on the way."""
        bad, rows = {*self.not_finite(), *self.spoilt()}, {}
        for owner in list(self.sums):
            sums = self.sums.pop(owner)
            readers = [name for name, read in self.input_of.items() if read == owner and name not in bad]
            if readers:
                rows.update(_rows(sums, {name: self._layers[name].dense() for name in readers}))
        return [rows[name] for name in self._layers if name in rows]


def groups(layers: Mapping[str, LinearMap]) -> Iterator[dict[str, LinearMap]]:
    """Layers in groups whose Grams fit in a gibibyte, one group a pass; a group of one may be larger."""
    group: dict[str, LinearMap] = {}
    size = 0
    for name, layer in layers.items():
        own = GramSum.num_bytes(layer.in_features)
        if group and size + own > _GRAM_BYTES:
            yield group
            group, size = {}, 0
        group[name] = layer
        size += own
    yield group


def gram_bytes(layers: Mapping[str, LinearMap]) -> int:
    """Bytes of the Grams of the largest group."""
    return max(sum(GramSum.num_bytes(layer.in_features) for layer in group.values()) for group in groups(layers))


def _rows(sums: Sums, weights: Mapping[str, Tensor]) -> dict[str, LinearInputs]:
    """What the readers of one input have in common, and what each makes of it."""
    C, mean = sums.gram.full() / sums.tokens, sums.total / sums.tokens
    L = torch.linalg.eigvalsh(C).clamp_min(0).flip(-1)
    energy = float(C.trace())
    num_outliers, outliers = outlier_channels(C.diagonal())
    shared: dict[str, Any] = {
        "tokens": sums.tokens,
        "width": len(C),
        "mean_square": energy / len(C),
        "max_abs": float(sums.max_abs),
        "first_token_share": _share(sums.first_energy, energy * sums.tokens),
        "mean_share": _share(mean.square().sum(), energy),
        "stable_rank": float(linalg.stable_rank(L.sqrt())),
        "effective_rank": float(linalg.effective_rank(L)),
        "top_pca_share": _top_pca_share(C, mean),
        "num_outliers": num_outliers,
        "outliers": outliers,
    }
    return {name: LinearInputs(name=name, **shared, **_of_outputs(W, C)) for name, W in weights.items()}


def _of_outputs(W: Tensor, C: Tensor) -> dict[str, Any]:
    """What is left of E||W x||^2 by rank: the singular values of W C^(1/2), from the smaller of its two Grams."""
    m, n = W.shape
    # Shares do not depend on scale; products of large numbers would overflow.
    W, C = (A / A.abs().amax().clamp_min(torch.finfo(torch.float32).tiny) for A in (W.float(), C))
    if m <= n:
        gram = W @ C @ W.mT
    else:
        L, V = torch.linalg.eigh(C)
        root = V * L.clamp_min(0).sqrt()
        gram = root.mT @ (W.mT @ W) @ root
    S = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt().flip(-1)
    return {
        "output_stable_rank": float(linalg.stable_rank(S)),
        "output_rank_90": int(linalg.rank_for_energy(S, 0.90)),
        "output_rank_99": int(linalg.rank_for_energy(S, 0.99)),
        "output_energy_kept": {rank: float(linalg.energy_kept(S, rank)) for rank in marked_ranks(m, n)},
    }


def _top_pca_share(C: Tensor, mean: Tensor) -> float | None:
    """l_1 / tr of the covariance C - mean mean^T, which is never formed."""
    variance = float(C.trace() - mean.square().sum())
    # What rounding to float32 leaves of inputs that are all the same.
    if variance <= 1e-6 * float(C.trace()):
        return None
    top = top_eigenvalue(lambda v: C @ v - mean * (mean @ v), unit_vector(len(C), seed=0, like=C), rel_residual=1e-3)
    return min(top.value / variance, 1.0)


def _share(part: Tensor | None, whole: float) -> float | None:
    return None if part is None or whole <= 0 else min(float(part) / whole, 1.0)
