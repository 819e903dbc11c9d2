"""`eigenlm vectors ask`."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Index, Many, Vectors
from eigenlm.cli.output import print_json
from eigenlm.cli.vectors.answers import print_neighbours
from eigenlm.terminal import say


@dataclass(frozen=True)
class VectorsAskCommand(Command):
    """Add and subtract words, and say which lie nearest: "king - man + woman"."""

    vectors: Vectors
    expression: Annotated[
        str, tyro.conf.Positional, tyro.conf.arg(metavar="SUM", help='Words with + and - between, such as "a - b + c".')
    ]
    k: Many = 10
    index: Index = None

    def run(self) -> None:
        """Answer without the words of the question, and say where they would have stood."""
        from eigenlm.vectors.expression import parse
        from eigenlm.vectors.formats import read_indexed

        terms = parse(self.expression)
        space = read_indexed(self.vectors, self.index)
        found = space.ask(self.expression, self.k)
        own = {space.words[space.index(term.word)] for term in terms}
        first = [near.word for near in space.ask(self.expression, self.k + len(own), honest=True)]
        ranks = {word: first.index(word) + 1 if word in first else None for word in sorted(own)}
        if self.json:
            print_json({"expression": self.expression, "answers": found, "ranks_of_the_question": ranks})
            return
        print_neighbours(found, quiet=self.quiet)
        stand = ", ".join(f"{word} would be number {rank}" for word, rank in ranks.items() if rank is not None)
        if stand and not self.quiet:
            say(f"The words of the question are left out; with them, {stand}.")
