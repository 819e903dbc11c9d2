"""What a command is."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from eigenlm.terminal import say


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command file derives from: a dataclass whose fields are the options, whose docstring is the help."""

    json: Annotated[
        bool, tyro.conf.arg(help="Print one JSON object on standard output, and everything else on standard error.")
    ] = False
    quiet: Annotated[
        bool, tyro.conf.arg(aliases=["-q"], help="Print the result and nothing else; errors are still told.")
    ] = False

    def check(self) -> None:
        """Refuse values that do not go together, before anything is loaded."""

    def run(self) -> None:
        """Do it, printing what it gives."""
        raise NotImplementedError

    def point_to(self, written: object, next_commands: str) -> None:
        """Print where the result is and, unless only that is wanted, what can be done with it."""
        say(str(written) if self.quiet else f"{written}: next, {next_commands}")
