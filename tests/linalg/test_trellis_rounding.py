"""Rounding on a trellis: the metric that it makes small, and Grams and matrices of every kind."""

import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.linalg.error_feedback import Feedback, feedback
from eigenlm.linalg.seeded import seeded
from eigenlm.linalg.trellis import TRELLISES
from eigenlm.linalg.trellis_rounding import round_on_trellis

BITS = pytest.mark.parametrize("bits", [2, 3, 4])


def numbers(found, bits, group=32):
    trellis = TRELLISES[bits]
    levels = torch.from_numpy(trellis.levels())[trellis.windows(found.codes).int()]
    steps = found.steps.float()[:, None] * found.scales
    whole = levels * steps.repeat_interleave(group, 1)[:, : levels.shape[1]]
    whole.view(-1)[found.places.long()] = found.numbers.float()
    return whole


def gram(n, samples, seed):
    X = torch.randn(samples, n, generator=seeded(seed, "cpu")) @ torch.randn(n, n, generator=seeded(seed + 1, "cpu"))
    return X.mT @ X / max(samples, 1)


def nothing_passed_on(n):
    return Feedback(torch.ones(n), torch.eye(n))


def loss(E, C, G):
    return float(((G.double() @ E.double() @ C.double()) * E.double()).sum())


def to_the_nearest(W, bits, group=32):
    """Equal steps from the least to the largest number of a group."""
    parts = []
    for part in W.split(group, 1):
        low, high = part.amin(1, keepdim=True), part.amax(1, keepdim=True)
        step = (high - low) / (2**bits - 1)
        parts.append(((part - low) / step).round() * step + low)
    return torch.cat(parts, 1)


@BITS
@pytest.mark.parametrize("seed", range(3))
def test_both_grams_take_part_in_the_loss(bits, seed):
    m, n = 72, 96
    W, C, G = torch.randn(m, n, generator=seeded(seed, "cpu")), gram(n, 300, seed), gram(m, 300, seed + 9)
    inputs, outputs, trellis = feedback(C), feedback(G), TRELLISES[bits]
    ways = [(nothing_passed_on(n), nothing_passed_on(m)), (inputs, nothing_passed_on(m)), (inputs, outputs)]
    losses = [loss(numbers(round_on_trellis(W, *way, trellis, 32), bits) - W, C, G) for way in ways]
    plain = loss(to_the_nearest(W, bits) - W, C, G)
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] < 0.6 * plain


@BITS
@pytest.mark.parametrize(("m", "n"), [(1, 1), (5, 7), (40, 33), (33, 64), (70, 100)])
def test_any_sizes(bits, m, n):
    W = torch.randn(m, n, generator=seeded(m, "cpu"))
    found = round_on_trellis(W, feedback(gram(n, 200, 1)), feedback(gram(m, 200, 2)), TRELLISES[bits], 32)
    assert found.codes.shape == (m, n)
    assert found.scales.shape == (m, -(-n // 32))
    assert int(found.codes.max()) < 2**bits
    assert numbers(found, bits).isfinite().all()


@pytest.mark.parametrize("odd", ["zero", "singular", "none", "dead", "wide", "half"])
def test_no_gram_is_too_odd(odd):
    m, n = 40, 48

    def made(size):
        if odd == "zero":
            return torch.zeros(size, size)
        C = gram(size, 3 if odd == "singular" else 0 if odd == "none" else 100, size)
        if odd == "dead":
            C[::3] = C[:, ::3] = 0
        if odd == "wide":
            scale = torch.logspace(-9, 6, size)
            C = C * scale * scale[:, None]
        return C.bfloat16().float() if odd == "half" else C

    W = torch.randn(m, n, generator=seeded(0, "cpu"))
    error = numbers(round_on_trellis(W, feedback(made(n)), feedback(made(m)), TRELLISES[3], 32), 3) - W
    assert error.isfinite().all()
    # Where nothing is known, each number is rounded for itself.
    assert odd != "zero" or error.square().mean() < 0.035


def test_few_numbers_that_count_more_than_many_are_stored_apart():
    """An input that is huge on some tokens, and a number far beyond the others."""
    m, n = 64, 96
    W, C, G = torch.randn(m, n, generator=seeded(0, "cpu")), gram(n, 300, 1), gram(m, 300, 2)
    C[:, 40] *= 30
    C[40] *= 30
    W[9, 40], W[5, 7] = 40.0, 60.0
    found = round_on_trellis(W, feedback(C), feedback(G), TRELLISES[3], 32)
    assert {9 * n + 40, 5 * n + 7} <= {*found.places.tolist()}
    assert (found.places % n == 40).float().mean() > 0.5
    assert len(found.places) < 0.03 * m * n
    whole = numbers(found, 3)
    apart = found.places.long()
    torch.testing.assert_close(whole.view(-1)[apart], W.view(-1)[apart], rtol=2**-8, atol=0)  # in bfloat16
    plain = loss(to_the_nearest(W, 3) - W, C, G)
    assert loss(whole - W, C, G) < 0.1 * plain


def test_zeros_stay_zeros():
    W = torch.randn(50, 96, generator=seeded(0, "cpu"))
    W[7], W[:, 32:64] = 0, 0
    found = numbers(round_on_trellis(W, nothing_passed_on(96), nothing_passed_on(50), TRELLISES[2], 32), 2)
    assert not found[7].any()
    assert not found[:, 32:64].any()
    blank = round_on_trellis(torch.zeros(3, 5), feedback(torch.eye(5)), feedback(torch.eye(3)), TRELLISES[2], 32)
    assert not numbers(blank, 2).any()


@pytest.mark.parametrize("size", [1e-20, 1e20])
def test_tiny_and_huge_numbers_are_rounded_like_others(size):
    W = torch.randn(64, 64, generator=seeded(0, "cpu"))
    found = numbers(round_on_trellis(size * W, nothing_passed_on(64), nothing_passed_on(64), TRELLISES[3], 32), 3)
    assert ((found / size - W).square().mean()) < 0.035


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused_in_one_line(number):
    W = torch.full((3, 4), number)
    with pytest.raises(DataError, match=r"^rounding on a trellis: expected finite numbers, got NaN or infinity$"):
        round_on_trellis(W, nothing_passed_on(4), nothing_passed_on(3), TRELLISES[3], 32)
