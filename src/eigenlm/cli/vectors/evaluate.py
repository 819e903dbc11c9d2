"""`eigenlm vectors evaluate`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Vectors
from eigenlm.cli.output import print_json, print_table
from eigenlm.cli.vectors.questions import Questions
from eigenlm.terminal import say

if TYPE_CHECKING:
    from eigenlm.estimate import Estimate


@dataclass(frozen=True)
class VectorsEvaluateCommand(Command):
    """Google's analogies, without and with the words of the question as answers, and pairs that people judged."""

    vectors: Vectors
    rule: Annotated[Literal["3CosAdd", "3CosMul"], tyro.conf.arg(help="How an analogy is answered.")] = "3CosAdd"
    questions: Questions = field(default_factory=Questions)

    def check(self) -> None:
        """Refuse to begin without questions."""
        self.questions.files()

    def run(self) -> None:
        """Ask all of them, and print."""
        from eigenlm.vectors.analogies import analogies
        from eigenlm.vectors.formats import read_vectors
        from eigenlm.vectors.similarity_sets import judged

        questions, pairs = self.questions.files()
        space = read_vectors(self.vectors)
        answered = analogies(space, questions, rule=self.rule, most=self.questions.max_words)
        sets = [judged(space, path) for path in pairs]
        if self.json:
            print_json({"rule": self.rule, "analogies": answered, "pairs": sets})
            return
        rows = [
            (one.name, f"{one.asked:,}", f"{one.unknown:,}", _percent(one.accuracy), _percent(one.honest_accuracy))
            for one in (answered[-1:] if self.quiet else answered)
        ]
        print_table(f"Analogies, {self.rule}", ("kind", "asked", "unknown", "answered", "nothing left out"), rows)
        say("Answered: the words of the question are left out of the answers, as such scores are usually told.")
        title = "Spearman's correlation of cosines with people's judgements"
        print_table(
            title,
            ("pairs of", "asked", "unknown", "correlation"),
            [(one.name, f"{one.pairs:,}", f"{one.unknown:,}", _said(one.spearman)) for one in sets],
        )


def _percent(estimate: "Estimate") -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"


def _said(estimate: "Estimate") -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
