"""For tests and for the examples in docstrings: which are left out, and which check types and shapes."""

import importlib.util

import jaxtyping
import pytest

collect_ignore = [
    f"src/eigenlm/training/curves/{name}.py" for name in ("mlflow", "wandb") if importlib.util.find_spec(name) is None
]
IS_FIRST = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Types and shapes are checked in the first case of each test: checking them in all takes as long as the tests."""
    seen = set()
    for item in items:
        test = item.nodeid.partition("[")[0]
        item.stash[IS_FIRST] = test not in seen
        seen.add(test)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set before the fixtures of a test are made."""
    jaxtyping.config.update("jaxtyping_disable", not item.stash[IS_FIRST])
