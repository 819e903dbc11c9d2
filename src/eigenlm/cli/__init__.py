"""The command line: `eigenlm COMMAND ...`, one file per command, each parsed into a dataclass and then run."""

from eigenlm.cli.program import main

__all__ = ["main"]
