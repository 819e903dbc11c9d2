"""That tests check types and shapes at all, in the first case of each."""

import jaxtyping
import pytest
import torch

from eigenlm.linalg.low_rank import low_rank


@pytest.mark.parametrize("case", range(2))
def test_a_wrong_shape_is_refused_in_the_first_case(case: int) -> None:
    cube = torch.zeros(2, 2, 2)
    with pytest.raises(ValueError if case else jaxtyping.TypeCheckError):
        low_rank(cube)
