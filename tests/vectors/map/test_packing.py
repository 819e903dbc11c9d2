"""What a page holds of vectors and places, against the vectors themselves in float64."""

import numpy as np
import pytest
import torch

from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.map.packing import agreement, pack_places, pack_vectors
from tests.vectors.map.spaces import royal


def test_all_numbers_stay_where_there_is_room_and_cosines_are_near() -> None:
    space = royal()
    units = unit_rows(space.vectors)
    packed = pack_vectors(units)
    assert packed.codes.shape == space.vectors.shape
    assert packed.share == 1.0
    assert (packed.codes.abs().amax(1) == 127).all()
    exact, held = units.double() @ units.double().mT, packed.units().double() @ packed.units().double().mT
    told = agreement(units, packed, asked=10_000)
    # Each number is off by half a step at most, peak / 254, and so a vector by sqrt(D) peak / 254.
    bound = 2 * 24**0.5 / 254 * float(units.abs().max())
    assert 0 < float((exact - held).abs().max()) < bound
    assert told.asked == len(space)
    near = [np.argsort(-m.fill_diagonal_(-2).numpy(), axis=1)[:, :10] for m in (exact, held)]
    assert told.neighbours == pytest.approx(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*near)]))
    error = max(abs(exact[i, j] - held[i, j]) for i, row in enumerate(near[0]) for j in row)
    assert told.cosine_error == pytest.approx(float(error), rel=1e-6)


def test_where_there_is_no_room_the_longest_directions_stay() -> None:
    units = unit_rows(royal().vectors)
    packed = pack_vectors(units, most_bytes=8 * len(units))
    assert packed.codes.shape == (len(units), 8)
    S = np.linalg.svd(units.double().numpy(), compute_uv=False)
    assert packed.share == pytest.approx((S[:8] ** 2).sum() / (S**2).sum())
    whole = agreement(units, pack_vectors(units))
    assert agreement(units, packed).neighbours < 0.8 < whole.neighbours


def test_places_are_within_half_a_step() -> None:
    places = torch.randn(100, 2, generator=torch.Generator().manual_seed(0)).double() * torch.tensor([3.0, 0.5])
    numbers, middle, scale = pack_places(places)
    assert int(numbers.abs().max()) == 32767
    assert float((numbers * scale + torch.tensor(middle) - places).abs().max()) <= scale / 2 * (1 + 1e-9)
    assert pack_places(torch.ones(3, 2))[0].tolist() == [[0, 0]] * 3


def test_a_zero_vector_is_near_to_nothing() -> None:
    units = unit_rows(torch.cat([torch.zeros(1, 4), torch.eye(4)]))
    assert pack_vectors(units).units()[0].tolist() == [0, 0, 0, 0]
    assert agreement(units, pack_vectors(units)).cosine_error == 0
