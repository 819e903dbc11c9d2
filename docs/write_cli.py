"""Write docs/cli.md from what each command says of itself: `make docs`. A test checks that it is current."""

import contextlib
import io
import os
from pathlib import Path

from eigenlm.cli.program import COMMANDS, parse

PAGE = Path(__file__).with_name("cli.md")


def cli_page() -> str:
    """The page, every command's --help in order."""
    parts = ["# Commands\n\nWritten by `make docs` from `--help`; not by hand.\n"]
    parts += [f"## eigenlm {name}\n\n```text\n{help_of(name)}\n```\n" for name in COMMANDS]
    return "\n".join(parts)


def help_of(name: str) -> str:
    """What `eigenlm NAME --help` prints on a terminal 100 columns wide, without colour."""
    os.environ["COLUMNS"], os.environ["NO_COLOR"] = "100", "1"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        parse(name, ["--help"])
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


if __name__ == "__main__":
    PAGE.write_text(cli_page(), encoding="utf-8")
