import pytest
import torch
import torch.nn.functional as F
from torch import nn

from eigenlm.curvature import AnyLoss, CrossEntropy, GaussNewton, Objective, SquaredError, batches, next_token
from tests.curvature.exact import columns, dense_gauss_newton, dense_hessian, tiny_transformer


def nll(z, y):
    return F.cross_entropy(z.flatten(0, -2), y.flatten())


def net_and_data(rows=7):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    return net, torch.randn(rows, 3, dtype=torch.float64), torch.randn(rows, 2, dtype=torch.float64)


@pytest.mark.parametrize("kind", ["gpt", "llama"])
def test_every_column_is_that_of_the_dense_matrix_of_a_transformer(kind):
    model, ids = tiny_transformer(kind=kind), torch.randint(0, 7, (3, 6))
    G = GaussNewton(next_token(model, ids, rows=2))
    truth = dense_gauss_newton(model, nll, ids[:, :-1], ids[:, 1:], [name for name, _ in model.named_parameters()])
    torch.testing.assert_close(columns(G, G.n), truth, rtol=1e-9, atol=1e-11)  # float64, another order of sums


@pytest.mark.parametrize(
    ("loss", "plain"), [(SquaredError(), F.mse_loss), (AnyLoss(F.huber_loss), F.huber_loss)], ids=["square", "huber"]
)
def test_other_losses(loss, plain):
    net, x, y = net_and_data()
    G = GaussNewton(Objective(module=net, loss=loss, parts=batches(x, y, rows=3)))
    truth = dense_gauss_newton(net, plain, x, y, [name for name, _ in net.named_parameters()])
    torch.testing.assert_close(columns(G, 26), truth, rtol=1e-9, atol=1e-12)


def test_it_is_the_hessian_where_the_module_is_linear():
    torch.manual_seed(0)
    net, x, y = nn.Linear(3, 5).double(), torch.randn(6, 3, dtype=torch.float64), torch.tensor([0, 1, -100, 4, 2, 1])
    G = GaussNewton(Objective(module=net, loss=CrossEntropy(), parts=batches(x, y, rows=4)))
    truth = dense_hessian(net, F.cross_entropy, x, y, ["weight", "bias"])
    torch.testing.assert_close(columns(G, 20), truth, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("loss", ["cross-entropy", "square"])
def test_its_root_times_the_transpose_is_the_matrix(loss):
    if loss == "square":
        net, x, y = net_and_data()
        G = GaussNewton(Objective(module=net, loss=SquaredError(), parts=batches(x, y, rows=3)))
    else:
        G = GaussNewton(next_token(tiny_transformer(), torch.randint(0, 7, (3, 6)), rows=2))
    B = G.factor
    left = torch.stack([B.product(e) for e in torch.eye(B.r, dtype=torch.float64)], dim=1)
    right = torch.stack([B.transposed_product(e) for e in torch.eye(B.n, dtype=torch.float64)], dim=1)
    torch.testing.assert_close(left, right.mT, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(left @ left.mT, columns(G, G.n), rtol=1e-9, atol=1e-12)


def test_a_loss_without_a_known_root_has_no_factor():
    net, x, y = net_and_data()
    assert GaussNewton(Objective(module=net, loss=AnyLoss(F.huber_loss), parts=batches(x, y))).factor is None


def test_graphs_that_are_built_anew_give_the_same_product():
    model, ids = tiny_transformer(), torch.randint(0, 7, (3, 6))
    kept, anew = (GaussNewton(next_token(model, ids, rows=2), keep_graph=keep) for keep in (True, False))
    v = torch.randn(kept.n, dtype=torch.float64)
    torch.testing.assert_close(kept @ v, anew @ v, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(anew @ v, anew @ v, rtol=0, atol=0)
