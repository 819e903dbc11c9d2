"""Seeds that no generator takes are refused in one line by every function that has one."""

import importlib
import inspect
import pkgutil

import pytest
import torch
from tests.linalg.test_trace import Dense

from eigenlm import linalg
from eigenlm.errors import ConfigError

MODULES = [importlib.import_module(f"eigenlm.linalg.{each.name}") for each in pkgutil.iter_modules(linalg.__path__)]
PUBLIC = {
    name: function
    for module in MODULES
    for name, function in vars(module).items()
    if inspect.isfunction(function) and function.__module__.startswith("eigenlm.linalg") and not name.startswith("_")
    if "seed" in inspect.signature(function).parameters
}
GIVEN = {
    "operator": Dense(torch.eye(30)),
    "A": Dense(torch.eye(30)),
    "X": torch.randn(50, 3),
    "n": 5,
    "like": torch.zeros(1),
    "index": 0,
    "count": 1,
    "figure": lambda X: X.mean(),
    "groups": [torch.arange(9.0)],
    "product": lambda X: X,
    "rank": 1,
}


def test_functions_with_a_seed_are_found():
    assert {"eigenpairs", "spectral_density", "hutchinson", "hutch_plus_plus"} <= PUBLIC.keys()


@pytest.mark.parametrize("seed", [-1, 1 << 64, 1 << 32])
@pytest.mark.parametrize("name", PUBLIC)
def test_a_seed_of_no_generator_is_refused_in_one_line(name, seed):
    needed = [p.name for p in inspect.signature(PUBLIC[name]).parameters.values() if p.default is p.empty]
    given = {each: GIVEN[each] for each in needed if each != "seed"}
    with pytest.raises(ConfigError, match=r"^seed: expected a whole number from 0 to 2\^32 - 1, got [^\n]*$"):
        PUBLIC[name](**given, seed=seed)
