"""What a `LanguageModel` is asked for, and what is none."""

import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.language_model import check_speaks


@pytest.mark.parametrize("other", [torch.nn.Linear(2, 2), "path/of/model", None])
def test_what_has_no_tokenizer_is_refused(other: object) -> None:
    with pytest.raises(ConfigError, match=r"planning: expected a LanguageModel, got \w+; load it with eigenlm.load"):
        check_speaks(other, "planning")
