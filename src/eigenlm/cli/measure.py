"""`eigenlm measure`."""

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from eigenlm.allowed import check_scored
from eigenlm.cli.command import Command
from eigenlm.cli.options import Compute, Html, Overwrite, Prompts, Texts
from eigenlm.cli.output import print_json
from eigenlm.cli.side_by_side import print_side_by_side, read_ahead
from eigenlm.terminal import say


@dataclass(frozen=True)
class MeasureCommand(Command):
    """Compare two models: loss, divergence and agreement on texts, with intervals; bytes, speed, and answers."""

    before: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="BEFORE", help="A model, named as in info.")]
    after: Annotated[
        str, tyro.conf.Positional, tyro.conf.arg(metavar="AFTER", help="Another, with the same tokenizer.")
    ]
    text: Texts = ()
    prompts: Prompts = None
    html: Html = None
    window: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Tokens the models see at once, 1,024 or the shorter context by default; the first is not scored."""
    overwrite: Overwrite = False
    compute: Compute = field(default_factory=Compute)

    def check(self) -> None:
        """Refuse windows that cannot be scored in."""
        check_scored(1024 if self.window is None else self.window, None)

    def run(self) -> None:
        """Let both read and answer, print, and write the page if one is wanted."""
        from eigenlm.checkpoint import open_model
        from eigenlm.engine.room import scoring
        from eigenlm.tasks import side_by_side

        prompts = read_ahead(self.text, self.prompts)
        also = open_model(self.after, self.compute.adapter)
        before = self.compute.load(self.before, scoring(self.window, models=2, also_read=also))
        after = self.compute.load(self.after)
        texts = {str(text): text for text in self.text}
        found = side_by_side(before, after, texts, prompts=prompts, window=self.window)
        if self.html is not None:
            found.report(self.html)
        if self.json:
            print_json(vars(found) | {"report": self.html})
            return
        print_side_by_side(found)
        if self.html is not None:
            say(f"\nreport: {self.html}")
