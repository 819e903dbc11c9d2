"""Predicted memory against sizes that can be told by hand."""

import pytest
import torch
from torch import nn

from eigenlm.curvature.losses import SquaredError
from eigenlm.curvature.memory import needed_memory
from eigenlm.curvature.objective import Objective, batches
from eigenlm.errors import ConfigError
from eigenlm.machine.memory import check_memory, free_memory


def objective(rows, parts=1):
    x, y = torch.randn(rows * parts, 50), torch.randn(rows * parts, 40)
    return Objective(
        module=nn.Sequential(nn.Linear(50, 30), nn.Tanh(), nn.Linear(30, 40)),
        loss=SquaredError(),
        parts=batches(x, y, rows=rows),
    )


def test_vectors_and_activations_are_counted():
    parameters = 4 * (50 * 30 + 30 + 30 * 40 + 40)
    # A forward pass keeps the input, tanh's output, and what is squared.
    kept = 4 * 1000 * (50 + 30 + 40)
    assert needed_memory(objective(1000)) == pytest.approx(4 * parameters + 3.5 * kept, rel=0.01)
    two = needed_memory(objective(1000, 2)) - 4 * parameters
    assert two == pytest.approx(2 * 3.5 * kept, rel=0.01)  # the shape of each part is the same


def test_more_than_there_is_is_refused():
    device = torch.device("cpu")
    assert free_memory(device) > 2**20
    check_memory(2**20, device, "curvature", "give fewer or shorter windows")
    with pytest.raises(ConfigError, match="fewer or shorter windows"):
        check_memory(2**60, device, "curvature", "give fewer or shorter windows")
