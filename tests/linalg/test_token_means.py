import pytest
import torch

from eigenlm.linalg.clustered_share import clustered_share
from eigenlm.linalg.paired import paired_mean
from eigenlm.linalg.token_means import mean_over_tokens, share_of_tokens


def sums_and_sizes(blocks):
    return torch.stack([block.double().sum() for block in blocks]), torch.tensor([float(len(b)) for b in blocks])


def test_many_windows_are_the_blocks():
    windows = [*torch.randn(9, 20, generator=torch.Generator().manual_seed(0)), torch.ones(3)]
    assert mean_over_tokens(windows) == paired_mean(*sums_and_sizes(windows))


def test_of_few_windows_equal_parts_are():
    windows = [torch.arange(10.0), torch.arange(8.0)]
    parts = [part for window in windows for part in window.tensor_split(4)]
    assert mean_over_tokens(windows) == paired_mean(*sums_and_sizes(parts))
    assert mean_over_tokens(windows).value == pytest.approx(73 / 18)
    odd = clustered_share(*sums_and_sizes([part % 2 for part in parts]))
    assert share_of_tokens([window % 2 for window in windows]) == odd


def test_a_window_of_few_tokens_has_no_empty_parts():
    found = mean_over_tokens([torch.tensor([1.0, 3.0])])
    assert found.low < found.value == 2.0 < found.high
