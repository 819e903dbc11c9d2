"""What a `LanguageModel` is asked for, what is none, and what reading one takes."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.language_model import check_speaks


@pytest.mark.parametrize("other", [torch.nn.Linear(2, 2), "path/of/model", None])
def test_what_has_no_tokenizer_is_refused(other: object) -> None:
    with pytest.raises(ConfigError, match=r"planning: expected a LanguageModel, got \w+; load it with eigenlm.load"):
        check_speaks(other, "planning")


def test_reading_a_model_waits_for_no_compiler(tiny_model: Path) -> None:
    """Importing numba takes about half a second, which only a model that runs has use for."""
    script = f"import sys, eigenlm\neigenlm.load({str(tiny_model)!r})\nsys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == 0
