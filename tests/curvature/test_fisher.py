import pytest
import torch
import torch.nn.functional as F
from torch import nn

from eigenlm.curvature import CrossEntropy, GaussNewton, Objective, SquaredError, batches, next_token
from eigenlm.curvature.fisher import empirical_fisher, monte_carlo_fisher
from eigenlm.errors import ConfigError
from eigenlm.linalg.eigenpairs import eigenpairs
from tests.curvature.exact import columns, function_of_vector, tiny_transformer


def problem():
    model = tiny_transformer()
    ids = torch.randint(0, 7, (3, 6), generator=torch.Generator().manual_seed(0))
    return model, ids, next_token(model, ids, rows=2)


def gradients(model, ids, labels):
    """One row for each token: the gradient of its nll by itself."""
    function, w = function_of_vector(model, ids[:, :-1], [name for name, _ in model.named_parameters()])

    def losses(w):
        return F.cross_entropy(function(w).flatten(0, -2), labels.flatten(), reduction="none")

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return torch.autograd.functional.jacobian(losses, w)


def test_the_empirical_fisher_is_the_mean_of_outer_products_token_by_token():
    model, ids, objective = problem()
    g = gradients(model, ids, ids[:, 1:])
    A = empirical_fisher(objective)
    torch.testing.assert_close(columns(A, A.n), g.mT @ g / len(g), rtol=1e-9, atol=1e-12)  # float64


def test_the_monte_carlo_fisher_tends_to_the_gauss_newton_matrix():
    _, _, objective = problem()
    G = columns(GaussNewton(objective), GaussNewton(objective).n)
    errors = []
    for draws in (10, 1000):
        A = monte_carlo_fisher(objective, draws=draws)
        errors.append(float(torch.linalg.matrix_norm(columns(A, A.n) - G) / torch.linalg.matrix_norm(G)))
    assert errors[1] < 0.05
    assert errors[1] < errors[0] / 4  # a hundred times the draws: ten times the accuracy, by chance four at least


def test_its_factor_is_thin_and_gives_the_same_eigenvalues():
    _, _, objective = problem()
    A = monte_carlo_fisher(objective, draws=2, seed=1)
    assert A.factor.r == 2 * 3 * 5
    truth = torch.linalg.eigvalsh(columns(A, A.n)).flip(0)[:4]
    torch.testing.assert_close(eigenpairs(A, 4, rel_residual=1e-8).values, truth, rtol=1e-9, atol=0)
    other = monte_carlo_fisher(objective, draws=2, seed=2)
    assert not torch.allclose(columns(other, A.n), columns(A, A.n))


def test_ignored_rows_have_no_gradient():
    net, x = nn.Linear(3, 5).double(), torch.randn(6, 3, dtype=torch.float64)
    y = torch.tensor([0, -100, 3, 4, -100, 1])
    objective = Objective(module=net, loss=CrossEntropy(), parts=batches(x, y, rows=4))
    kept = Objective(module=net, loss=CrossEntropy(), parts=batches(x[y >= 0], y[y >= 0]))
    ours, theirs = (columns(empirical_fisher(o), 20) for o in (objective, kept))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-14)
    drawn = monte_carlo_fisher(objective, draws=3)
    assert int((torch.linalg.eigvalsh(columns(drawn, 20)) > 1e-12).sum()) <= 4 * 4  # four rows, four ways to differ


def test_bad_input_is_one_line():
    _, _, objective = problem()
    with pytest.raises(ConfigError, match="at least one draw, got 0"):
        monte_carlo_fisher(objective, draws=0)
    square = Objective(module=nn.Linear(2, 2), loss=SquaredError(), parts=batches(torch.ones(1, 2), torch.ones(1, 2)))
    with pytest.raises(ConfigError, match="expected an objective of CrossEntropy, got SquaredError"):
        empirical_fisher(square)
