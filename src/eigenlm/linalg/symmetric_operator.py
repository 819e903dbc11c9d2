"""A symmetric matrix that is known only by its products with vectors."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import DataError, ShapeError, explain


class SymmetricOperator(ABC):
    """A symmetric A (n, n) that is never formed; `A @ v` is its product with a vector, checked.

    Attributes:
        n: rows and columns.
        dtype: precision of the vectors, float32 or float64.
        device: where they live.
        name: what error messages call it.
    """

    def __init__(self, n: int, dtype: torch.dtype, device: torch.device, name: str = "matrix") -> None:
        self.n, self.dtype, self.device, self.name = n, dtype, device, name

    @abstractmethod
    def product(self, v: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """A v, in a new tensor."""

    @property
    def factor(self) -> "Factor | None":
        """B of A = B B^T, where A is known to be such a product."""
        return None

    def in_shortest_vectors(self) -> "SymmetricOperator":
        """B^T B, which has the same nonzero eigenvalues, where A = B B^T has fewer columns than rows; else A."""
        factor = self.factor
        return self if factor is None or factor.r >= self.n else InnerOperator(self, factor)

    def __matmul__(self, v: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """A v.

        Raises:
            ShapeError: v is not of n numbers.
            DataError: the product is not finite.
        """
        if v.shape != (self.n,):
            raise ShapeError(explain(f"product with the {self.name}", expected=f"({self.n},)", got=tuple(v.shape)))
        Av = self.product(v)
        if not bool(torch.linalg.vector_norm(Av).isfinite()):
            bad = self.n - int(Av.isfinite().sum())
            do = "look for NaN or infinity in the weights and the batch"
            got = f"{bad} NaN or infinite of {self.n}" if bad else "numbers whose squares overflow"
            raise DataError(explain(f"product with the {self.name}", expected="finite numbers", got=got, do=do))
        return Av


class Factor(ABC):
    """B (n, r) of a positive semidefinite A = B B^T, known by products with vectors from both sides.

    B^T B has A's nonzero eigenvalues, and where r < n its vectors are shorter.

    Attributes:
        n: rows.
        r: columns.
    """

    n: int
    r: int

    @abstractmethod
    def product(self, u: Float[Tensor, "r"]) -> Float[Tensor, "n"]:
        """B u, in a new tensor."""

    @abstractmethod
    def transposed_product(self, v: Float[Tensor, "n"]) -> Float[Tensor, "r"]:
        """B^T v, in a new tensor."""


class InnerOperator(SymmetricOperator):
    """B^T B of a factored operator A = B B^T: as many nonzero eigenvalues, in vectors of r numbers instead of n."""

    def __init__(self, outer: SymmetricOperator, factor: Factor) -> None:
        super().__init__(factor.r, outer.dtype, outer.device, outer.name)
        self._B = factor

    def product(self, v: Float[Tensor, "r"]) -> Float[Tensor, "r"]:
        """B^T (B v)."""
        return self._B.transposed_product(self._B.product(v))
