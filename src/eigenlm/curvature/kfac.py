"""Kronecker-factored approximations of the Gauss-Newton block of a linear layer's weight.

A token with input a and output gradient g contributes g a^T to the weight's gradient. If all tokens were independent,
and g independent of a, the block of W (m, n) would be G (x) A with G = E[g g^T] and A = E[a a^T] (KFAC,
arXiv:1503.05671; for weights shared by the tokens of a sequence, arXiv:2311.00636, "expand"). How wrong that is can be
measured: see `blocks`.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.curvature.blocks import BlockApproximation, draws_of
from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.symmetric_operator import SymmetricOperator
from eigenlm.observe import evaluating, measure


class Kfac(BlockApproximation):
    """K = G (x) A: K vec(V) = vec(G V A).

    Args:
        output_gram: G (m, m), E[g g^T].
        input_gram: A (n, n), E[a a^T].
        name: of the weight.
    """

    def __init__(self, output_gram: Float[Tensor, "m m"], input_gram: Float[Tensor, "n n"], name: str) -> None:
        super().__init__(len(output_gram) * len(input_gram), input_gram.dtype, input_gram.device, f"KFAC of {name}")
        self.output_gram, self.input_gram = output_gram, input_gram

    def product(self, v: Float[Tensor, " mn"]) -> Float[Tensor, " mn"]:
        """vec(G V A)."""
        return (self.output_gram @ v.view(len(self.output_gram), -1) @ self.input_gram).flatten()

    def eigenvalues(self) -> Float[Tensor, " mn"]:
        """Every product of an eigenvalue of G and one of A."""
        of_G, of_A = torch.linalg.eigvalsh(self.output_gram), torch.linalg.eigvalsh(self.input_gram)
        return torch.outer(of_G, of_A).flatten().sort(descending=True).values

    def trace(self) -> float:
        """tr G tr A."""
        return float(self.output_gram.trace() * self.input_gram.trace())

    def frobenius_norm(self) -> float:
        """||G||_F ||A||_F."""
        return float(torch.linalg.norm(self.output_gram) * torch.linalg.norm(self.input_gram))


class Ekfac(BlockApproximation):
    """KFAC's eigenvectors with other eigenvalues, K = Q diag(L) Q^T, Q = Q_G (x) Q_A (arXiv:1806.03884).

    Args:
        output_basis: Q_G (m, m), eigenvectors in columns.
        input_basis: Q_A (n, n).
        values: L (m, n).
        name: of the weight.
    """

    def __init__(
        self,
        output_basis: Float[Tensor, "m m"],
        input_basis: Float[Tensor, "n n"],
        values: Float[Tensor, "m n"],
        name: str,
    ) -> None:
        super().__init__(values.numel(), values.dtype, values.device, f"EKFAC of {name}")
        self._Q_G, self._Q_A, self.values = output_basis, input_basis, values

    def product(self, v: Float[Tensor, " mn"]) -> Float[Tensor, " mn"]:
        """vec(Q_G (L * (Q_G^T V Q_A)) Q_A^T)."""
        inside = self.values * (self._Q_G.mT @ v.view(self.values.shape) @ self._Q_A)
        return (self._Q_G @ inside @ self._Q_A.mT).flatten()

    def eigenvalues(self) -> Float[Tensor, " mn"]:
        """L, sorted."""
        return self.values.flatten().sort(descending=True).values


def kfac(module: nn.Module, ids: Int[Tensor, "B T"], *, draws: int = 1, seed: int = 0) -> dict[str, Kfac]:
    """KFAC of every linear layer's weight, for the mean nll per token of labels that the module itself gives.

    A layer's G is that of sampled labels, so it carries sampling noise, which falls with the number of draws. Biases
    are left out, and so are matrices as wide as a vocabulary or shared with another layer (`observe.linears`).

    Args:
        module: gives logits for ids.
        ids: (B, T) tokens that it reads; each is scored on what comes out at its place.
        draws: of labels for each token.
        seed: of the first; each draw has its own.

    Returns:
        by name of the weight.

    Raises:
        ConfigError: no linear layers, or no draw.
        DataError: activations or gradients that are not finite.
    """
    if draws < 1:
        raise ConfigError(explain("KFAC", expected="at least one draw of labels", got=draws))
    with evaluating(module):
        first = measure(module, ids, seed=seed)
        output_grams = dict(first.output_grams)
        for i in range(1, draws):
            for layer, gram in measure(module, ids, seed=seed + i, kinds=("outputs",)).output_grams.items():
                output_grams[layer] += gram
    found: dict[str, Kfac] = {}
    for layer, gram in output_grams.items():
        name = f"{layer}.weight"
        like = module.get_parameter(name)
        found[name] = Kfac(gram.div_(draws).to(like.dtype), first.input_grams[layer].to(like.dtype), name)
    return found


def ekfac(
    operator: SymmetricOperator,
    sizes: Mapping[str, int],
    factors: Mapping[str, Kfac],
    *,
    draws: int = 16,
    seed: int = 0,
) -> dict[str, Ekfac]:
    """KFAC with the eigenvalues that are best for its eigenvectors, L = diag(Q^T B Q), as a mean over draws.

    With g a draw of covariance B, L = E[(Q_G^T g Q_A)^2]. Unlike KFAC's own eigenvalues these hold what tokens of one
    sequence have in common. Each entry of L has a relative standard error of about sqrt(2 / draws).

    Args:
        operator: the Gauss-Newton matrix.
        sizes: of the parts of its vectors, by name, in their order.
        factors: KFAC of some of these parts.
        draws: each one product with the operator's factor.
        seed: of the draws; take another one to measure the error.

    Raises:
        ConfigError: no draw, or an operator without a factor.
    """
    if draws < 1:
        raise ConfigError(explain("EKFAC", expected="at least one draw", got=draws))
    bases = {
        name: (torch.linalg.eigh(K.output_gram).eigenvectors, torch.linalg.eigh(K.input_gram).eigenvectors)
        for name, K in factors.items()
    }
    values = {name: Q_G.new_zeros(len(Q_G), len(Q_A)) for name, (Q_G, Q_A) in bases.items()}
    for gradient in draws_of(operator, draws, seed=seed):
        for name, part in zip(sizes, gradient.split(list(sizes.values()))):
            if name in bases:
                Q_G, Q_A = bases[name]
                values[name] += (Q_G.mT @ part.view(len(Q_G), -1) @ Q_A).square_() / draws
    return {name: Ekfac(*bases[name], values[name], name) for name in factors}
