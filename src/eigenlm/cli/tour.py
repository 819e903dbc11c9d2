"""`eigenlm tour`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.output import print_json
from eigenlm.files import check_new
from eigenlm.terminal import Terminal, say


@dataclass(frozen=True)
class TourCommand(Command):
    """The whole loop on a real model in minutes: meet it, look inside, plan, cut, measure, keep."""

    model: Annotated[str, tyro.conf.arg(aliases=["-m"])] = "smollm2-135m-instruct"
    """A decoder: a folder, a .gguf file, an installed model package, or a Hub name."""
    max_loss: float = 0.05
    """Nats a token by which the loss may rise; try 0.02 and 0.2."""
    text: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="PATH",
            aliases=["-f"],
            help="Text to plan by and to judge by; the documentation inside Python by default.",
        ),
    ] = None
    out: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="PATH", aliases=["-o"], help="A new folder for what stays; tour-output, or the next free one."
        ),
    ] = None

    def check(self) -> None:
        """Refuse a folder that holds something."""
        if self.out is not None:
            check_new(self.out)

    def run(self) -> None:
        """Walk, telling the story on standard output, or on standard error when JSON goes there."""
        from eigenlm.tour import Story, walk

        story = Story(Terminal(stderr=self.json or self.quiet, soft_wrap=False))
        journey = walk(story, model=self.model, max_loss=self.max_loss, text=self.text, out=self.out or _free_folder())
        if self.json:
            print_json(journey)
        elif self.quiet:
            say(f"{journey.report}\n{journey.smaller}")
        else:
            story.say(f"[dim]The tour took {journey.seconds:.0f} s.[/]")


def _free_folder() -> Path:
    candidates = (Path("tour-output" + (f"-{i}" if i > 1 else "")) for i in range(1, 1000))
    return next(path for path in candidates if not path.exists())
