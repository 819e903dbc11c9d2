"""Sums of x x^T in panels against the whole product."""

import pytest
import torch

from eigenlm.linalg.gram_sum import GramSum


@pytest.mark.parametrize("size", [1, 5, 127, 128, 129, 400])
def test_panels_add_up_to_the_whole_product(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    blocks = [torch.randn(rows, size, generator=generator) for rows in (7, 0, 33)]
    total = GramSum(size)
    for rows in blocks:
        total.add_(rows)
    rows = torch.cat(blocks).double()
    found = total.full()
    assert torch.allclose(found, found.mT, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.double(), rows.mT @ rows, rtol=1e-5, atol=1e-4)  # float32 sums
    total.scale_(0.5)
    assert torch.equal(total.full(), found / 2)


def test_it_takes_little_more_than_half_of_the_memory() -> None:
    assert GramSum.num_bytes(1536) == GramSum(1536)._numbers.nbytes < 0.57 * 4 * 1536**2


def test_sums_are_float32_whatever_comes_in() -> None:
    rows = torch.randn(9, 6, generator=torch.Generator().manual_seed(0)).bfloat16()
    total = GramSum(6)
    with torch.autocast("cpu", torch.bfloat16):
        total.add_(rows)
    torch.testing.assert_close(total.full(), rows.float().mT @ rows.float())


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_is_told(bad: float) -> None:
    total = GramSum(200)
    total.add_(torch.ones(1, 200))
    assert total.is_finite()
    total.add_(torch.tensor([[0.0] * 199 + [bad]]))
    assert not total.is_finite()


@pytest.mark.parametrize("size", [1, 40, 128, 300])
def test_halved_it_keeps_lengths_and_the_cosines_to_three_digits(size):
    rows = torch.randn(50, size, generator=torch.Generator().manual_seed(size)) * torch.logspace(-6, 6, size)
    rows[:, 0] = 0
    total = GramSum(size)
    total.add_(rows)
    want = total.full()
    total.halve_()
    lengths = want.diagonal().sqrt()
    assert bool(((total.full() - want).abs() <= (2**-12 + 1e-6) * lengths[:, None] * lengths).all())
    torch.testing.assert_close(total.full().diagonal(), want.diagonal(), rtol=1e-5, atol=0)
    assert sum(panel.nbytes for panel in total._panels) == GramSum.num_bytes(size) // 2
