"""KFAC and EKFAC against the blocks of dense Gauss-Newton matrices, and where they are exact."""

import pytest
import torch
from torch import nn

from eigenlm.curvature.gauss_newton import GaussNewton
from eigenlm.curvature.kfac import Kfac, ekfac, kfac
from eigenlm.curvature.objective import next_token
from eigenlm.errors import ConfigError
from eigenlm.linalg.symmetric_operator import SymmetricOperator
from tests.curvature.dense import dense_gauss_newton, sizes_of, slices, tiny


class Dense(SymmetricOperator):
    def __init__(self, A):
        super().__init__(len(A), A.dtype, A.device)
        self.A = A

    def product(self, v):
        return self.A @ v


def dense_of(operator):
    return torch.stack([operator.product(e) for e in torch.eye(operator.n, dtype=operator.dtype)])


def gram(n, seed):
    X = torch.randn(2 * n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return X.mT @ X


def test_products_and_spectrum_are_those_of_torch_kron():
    G, A = gram(4, 0), gram(3, 1)
    K, dense = Kfac(G, A, "w"), torch.kron(G, A)
    torch.testing.assert_close(dense_of(K), dense)
    torch.testing.assert_close(K.eigenvalues(), torch.linalg.eigvalsh(dense).flip(0))
    assert K.trace() == pytest.approx(float(dense.trace()), rel=1e-12)
    assert K.frobenius_norm() == pytest.approx(float(torch.linalg.norm(dense)), rel=1e-12)


class OneLayer(nn.Module):
    """softmax regression: the logits are linear in the only weight."""

    def __init__(self):
        super().__init__()
        self.embedding, self.layer = nn.Embedding(7, 5), nn.Linear(5, 7, bias=False)

    def forward(self, ids):
        return self.layer(self.embedding(ids))


def test_one_token_of_softmax_regression_is_exact():
    torch.manual_seed(0)
    model = OneLayer().double()
    ids = torch.tensor([[3, 1]])
    K = kfac(model, ids[:, :-1], draws=200)["layer.weight"]
    F = dense_of(GaussNewton(next_token(model, ids), ["layer.weight"]))
    # What is left is the noise of 200 sampled labels, of standard error below 1 / sqrt(200) of tr G.
    assert float(torch.linalg.norm(dense_of(K) - F)) < 2 * float(F.trace()) / 200**0.5
    a = model.embedding.weight[3].detach()
    p = model(ids[:, :1])[0, 0].softmax(-1).detach()
    torch.testing.assert_close(F, torch.kron(torch.diag(p) - torch.outer(p, p), torch.outer(a, a)))


def test_trace_is_that_of_the_block_but_for_sharing_and_noise():
    """One token a window, one input for all: the block's trace is the mean of |g|^2 times |a|^2, as KFAC has it."""
    torch.manual_seed(0)
    model = OneLayer().double()
    model.embedding.weight.data[:] = model.embedding.weight.data[0]
    ids = torch.randint(0, 7, (6, 2))
    K = kfac(model, ids[:, :-1], draws=200)["layer.weight"]
    F = dense_of(GaussNewton(next_token(model, ids), ["layer.weight"]))
    assert K.trace() / float(F.trace()) == pytest.approx(1.0, abs=0.1)  # 1200 sampled labels


def test_ekfac_has_the_best_eigenvalues_for_its_vectors():
    model, windows = tiny()
    G, sizes = dense_gauss_newton(model, windows), sizes_of(model)
    factors = kfac(model, windows[:, :-1], draws=8)
    found = ekfac(GaussNewton(next_token(model, windows)), sizes, factors, draws=400)
    assert set(found) == set(factors)
    better = 0
    for name, E in found.items():
        F, K = G[slices(sizes)[name], slices(sizes)[name]], factors[name]
        Q = torch.kron(torch.linalg.eigh(K.output_gram).eigenvectors, torch.linalg.eigh(K.input_gram).eigenvectors)
        best = Q @ torch.diag((Q.mT @ F @ Q).diagonal()) @ Q.mT
        # Each value has a relative error of about sqrt(2 / 400) = .07.
        assert float(torch.linalg.norm(dense_of(E) - best) / torch.linalg.norm(best)) < 0.2
        assert E.trace() == pytest.approx(float(F.trace()), rel=0.15)
        torch.testing.assert_close(E.eigenvalues(), torch.linalg.eigvalsh(dense_of(E)).flip(0))
        better += bool(torch.linalg.norm(dense_of(E) - F) <= torch.linalg.norm(dense_of(K) - F))
    assert better == len(found)


def test_draws_average_and_refusals():
    model, windows = tiny()
    name = "blocks.1.attention.query.weight"
    ones = [kfac(model, windows, seed=s)[name] for s in (5, 6)]
    both = kfac(model, windows, draws=2, seed=5)[name]
    torch.testing.assert_close(both.output_gram, (ones[0].output_gram + ones[1].output_gram) / 2)
    torch.testing.assert_close(both.input_gram, ones[0].input_gram)
    with pytest.raises(ConfigError, match="one draw"):
        kfac(model, windows, draws=0)
    with pytest.raises(ConfigError, match="one draw"):
        ekfac(GaussNewton(next_token(model, windows)), sizes_of(model), {}, draws=0)
