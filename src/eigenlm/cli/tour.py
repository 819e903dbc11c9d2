"""`eigenlm tour`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from eigenlm.cli.options import Json
from eigenlm.cli.output import print_json
from eigenlm.files import check_new
from eigenlm.terminal import Terminal


@dataclass(frozen=True)
class TourCommand:
    """The whole loop on a real model in minutes: meet it, look inside, plan, shrink, measure, keep."""

    model: str = "smollm2-135m-instruct"
    """A decoder: a folder, a .gguf file, an installed model package, or a Hub name."""
    keep: float = 0.9
    """Fraction of the linear layers' numbers to keep, in (0, 1]; try 0.95 and 0.8."""
    text: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="PATH", help="Text to plan by and to judge by; the documentation inside Python by default."
        ),
    ] = None
    out: Annotated[
        Path | None,
        tyro.conf.arg(metavar="PATH", help="A new folder for what stays; tour-output, or the next free one."),
    ] = None
    json: Json = False

    def check(self) -> None:
        """Refuse a folder that holds something."""
        if self.out is not None:
            check_new(self.out)

    def run(self) -> None:
        """Walk, telling the story on standard output, or on standard error when JSON goes there."""
        from eigenlm.tour import Story, walk

        story = Story(Terminal(stderr=self.json, soft_wrap=False))
        journey = walk(story, model=self.model, keep=self.keep, text=self.text, out=self.out or _free_folder())
        if self.json:
            print_json(journey)
        else:
            story.say(f"[dim]The tour took {journey.seconds:.0f} s.[/]")


def _free_folder() -> Path:
    candidates = (Path("tour-output" + (f"-{i}" if i > 1 else "")) for i in range(1, 1000))
    return next(path for path in candidates if not path.exists())
