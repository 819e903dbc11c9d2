"""docs/cli.md says what the commands say."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_page_is_current(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    written = runpy.run_path(str(ROOT / "docs" / "write_cli.py"))["cli_page"]()
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == written, "run: make docs"
