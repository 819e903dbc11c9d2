"""What `import eigenlm` gives at the first look, before anything has been imported by itself."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("look", ["eigenlm.train.with_changes", "eigenlm.analyze.spectrum_of"])
def test_rooms_that_are_acts_are_whole(look: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"import eigenlm; {look}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
