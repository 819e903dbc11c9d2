import pytest
import torch
import torch.nn.functional as F
from torch import nn

from eigenlm.curvature import AnyLoss, CrossEntropy, Objective, batches, hessian, next_token, parameters_of
from eigenlm.errors import ConfigError, DataError, ShapeError
from tests.curvature.exact import columns, dense_hessian, tiny_transformer


def nll(z, y):
    return F.cross_entropy(z.flatten(0, -2), y.flatten())


@pytest.mark.parametrize("kind", ["gpt", "llama"])
def test_every_column_is_that_of_the_dense_hessian(kind):
    model, ids = tiny_transformer(kind=kind), torch.randint(0, 7, (3, 6))
    H = hessian(next_token(model, ids, rows=2))
    truth = dense_hessian(model, nll, ids[:, :-1], ids[:, 1:], [name for name, _ in model.named_parameters()])
    found = columns(H, H.n)
    torch.testing.assert_close(found, truth, rtol=1e-9, atol=1e-11)  # float64, another order of sums
    torch.testing.assert_close(found, found.mT, rtol=1e-9, atol=1e-11)


def test_a_subset_of_parameters_gives_the_block_in_the_order_asked_for():
    model, ids = tiny_transformer(), torch.randint(0, 7, (2, 5))
    names = ["blocks.0.feed_forward.down.weight", "blocks.0.attention.query.weight"]
    model.requires_grad_(False)
    H = hessian(next_token(model, ids), names)
    truth = dense_hessian(model, nll, ids[:, :-1], ids[:, 1:], names)
    torch.testing.assert_close(columns(H, H.n), truth, rtol=1e-9, atol=1e-11)
    assert not any(p.requires_grad for p in model.parameters())


def test_any_loss_of_any_module_in_unequal_parts():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 2)).double()
    x, y = torch.randn(7, 3, dtype=torch.float64), torch.randn(7, 2, dtype=torch.float64)
    objective = Objective(module=net, loss=AnyLoss(F.huber_loss), parts=batches(x, y, rows=3))
    found = columns(hessian(objective), 26)
    assert net.training
    truth = dense_hessian(net.eval(), F.huber_loss, x, y, [name for name, _ in net.named_parameters()])
    torch.testing.assert_close(found, truth, rtol=1e-9, atol=1e-12)


def test_rows_without_a_target_count_nothing():
    torch.manual_seed(0)
    net, x = nn.Linear(3, 5).double(), torch.randn(6, 3, dtype=torch.float64)
    y = torch.tensor([0, -100, 3, 4, -100, 1])
    found = hessian(Objective(module=net, loss=CrossEntropy(), parts=batches(x, y, rows=4)))
    truth = dense_hessian(net, F.cross_entropy, x, y, ["weight", "bias"])
    torch.testing.assert_close(columns(found, 20), truth, rtol=1e-10, atol=1e-12)


def test_nothing_is_left_behind():
    model, ids = tiny_transformer(dtype=torch.float32), torch.randint(0, 7, (2, 5))
    state = torch.get_rng_state()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        H = hessian(next_token(model, ids))
        v = torch.ones(H.n)
        first, again = H @ v, H @ v
    assert torch.equal(first, again)
    assert torch.equal(state, torch.get_rng_state())
    assert all(p.grad is None for p in model.parameters())


def test_bad_input_is_one_line():
    model, ids = tiny_transformer(), torch.randint(0, 7, (2, 5))
    with pytest.raises(ConfigError, match=r"names of the module's parameters, got nothing\.here"):
        hessian(next_token(model, ids), ["nothing.here"])
    with pytest.raises(ConfigError, match="each once"):
        parameters_of(model, [])
    with pytest.raises(ShapeError, match="at least 2 tokens"):
        next_token(model, ids[:, :1])
    with pytest.raises(ConfigError, match=r"all in float32 or all in float64, got torch\.bfloat16"):
        hessian(next_token(tiny_transformer().bfloat16(), ids))
    with pytest.raises(ShapeError, match=r"product with the Hessian: expected \(\d+,\), got \(3,\)"):
        hessian(next_token(model, ids)) @ torch.ones(3, dtype=torch.float64)
    with torch.no_grad():
        model.embedding.token.weight[0, 0] = float("nan")
    H = hessian(next_token(model, torch.zeros(2, 5, dtype=torch.long)))
    with pytest.raises(DataError, match=r"product with the Hessian: expected finite numbers, got \d+ NaN"):
        H @ torch.ones(H.n, dtype=torch.float64)


def test_graphs_that_are_built_anew_give_the_same_product():
    model, ids = tiny_transformer(), torch.randint(0, 7, (3, 6))
    kept, anew = (hessian(next_token(model, ids, rows=2), keep_graph=keep) for keep in (True, False))
    v = torch.randn(kept.n, dtype=torch.float64)
    torch.testing.assert_close(kept @ v, anew @ v, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(anew @ v, anew @ v, rtol=0, atol=0)
