"""`eigenlm embed`."""

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Compute, Model, Out, Text
from eigenlm.cli.output import print_json
from eigenlm.errors import ConfigError, counted, explain
from eigenlm.terminal import tell

if TYPE_CHECKING:
    from eigenlm.language_model import LanguageModel
    from eigenlm.sentences.embedded_lines import EmbeddedLines


@dataclass(frozen=True)
class EmbedCommand(Command):
    """Write a vector for every line of a text, made as the model's own files say, for numpy to read."""

    model: Model
    text: Text
    out: Out
    prompt_name: Annotated[
        str | None,
        tyro.conf.arg(metavar="NAME", help="Which of the model's prompts to put before each line, such as query."),
    ] = None
    compute: Compute = field(default_factory=Compute)

    def check(self) -> None:
        """Refuse a name that numpy would not read."""
        if self.out.suffix != ".npy":
            raise ConfigError(explain("--out", expected="a name that ends in .npy", got=self.out))

    def run(self) -> None:
        """Embed, write, and say what became of the lines."""
        from eigenlm.sentences.embedded_lines import embed_lines

        lm = self.compute.load(self.model)
        tell_of_pooling(lm)
        begun = time.perf_counter()
        found = embed_lines(lm, self.text, self.out, prompt=self.prompt_name)
        seconds = time.perf_counter() - begun
        _tell_of_lines(found)
        if self.json:
            told = {"out": self.out, **asdict(found), "seconds": seconds, "per_second": found.num_texts / seconds}
            print_json(told)
        else:
            made = f"{counted(found.num_texts, 'vector')} of {found.dim:,} numbers"
            rate = f"{seconds:.1f} s, {found.num_texts / seconds:,.0f}/s"
            self.point_to(self.out, f'in Python, numpy.load("{self.out}", mmap_mode="r") ({made}, {rate})')


def tell_of_pooling(lm: "LanguageModel") -> None:
    """Say on standard error how vectors are made where the model's files do not."""
    if lm.generation.vectors is None:
        tell("eigenlm: the model's files do not say how to make the vector of a text: mean of its tokens', at length 1")


def _tell_of_lines(found: "EmbeddedLines") -> None:
    if found.num_cut:
        told = f"{found.num_cut:,} of {counted(found.num_texts, 'text')} have more than {found.limit:,} tokens"
        tell(f"eigenlm: {told}, which is what the model reads of a text; the rest of each was left out")
    if found.num_empty:
        first = ", ".join(found.first_empty[:3]) + (", ..." if found.num_empty > 3 else "")
        lines = counted(found.num_empty, "text is empty", "texts are empty")
        tell(f"eigenlm: {lines} ({first}); each keeps its row, of zeros")
