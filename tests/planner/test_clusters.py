"""Named machines."""

import pytest

from eigenlm.errors import ConfigError
from eigenlm.planner import CLUSTERS, cluster


def test_names_are_found_however_they_are_spelt() -> None:
    assert cluster("8x H200") is cluster("8xh200") is CLUSTERS["8x H200"]
    assert cluster("128x H100").devices == 128


def test_an_unknown_name_tells_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean '8x H200'"):
        cluster("8x H20")
    with pytest.raises(ConfigError, match="known: 1x A100"):
        cluster("zzz")


def test_more_devices_of_a_kind_are_the_same_devices() -> None:
    one, many = CLUSTERS["1x H100"], CLUSTERS["64x H100"]
    assert (one.bfloat16, one.memory) == (many.bfloat16, many.memory)
    # Published dense bfloat16 peaks; a step gets a part of them.
    assert CLUSTERS["1x A100"].bfloat16.products < 312e12
    assert one.bfloat16.products < 989e12
