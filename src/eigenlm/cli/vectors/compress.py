"""`eigenlm vectors compress`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Vectors
from eigenlm.cli.output import print_facts, print_json
from eigenlm.cli.vectors.questions import Questions, print_changed_scores
from eigenlm.errors import ConfigError, explain
from eigenlm.vector_names import check_new_vectors

if TYPE_CHECKING:
    from eigenlm.estimate import Estimate
    from eigenlm.vectors.compress import CompressedVectors


@dataclass(frozen=True)
class VectorsCompressCommand(Command):
    """Make vectors smaller, by fewer numbers or fewer bits for each, and say what that costs in every score."""

    vectors: Vectors
    out: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="PATH", aliases=["-o"], help="Where to write; a folder where --bits is given. Nowhere by default."
        ),
    ] = None
    dim: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Numbers in a vector that are left."""
    projection: Annotated[
        Literal["svd", "pca"],
        tyro.conf.arg(help="Directions of most energy: through the origin (svd), or through the mean vector (pca)."),
    ] = "svd"
    bits: Annotated[Literal[4, 8] | None, tyro.conf.arg(help="Bits of a number; every vector has its own step.")] = None
    without_top: Annotated[int, tyro.conf.arg(metavar="INT")] = 0
    """First subtract the mean vector and so many principal components; often a hundredth of the width."""
    questions: Questions = field(default_factory=Questions)
    seed: int = 0
    """Draws the same words for neighbours again."""

    def check(self) -> None:
        """Refuse when nothing is to be done, or where it cannot be written."""
        if self.dim is None and self.bits is None and not self.without_top:
            do = "such as --dim 100 or --bits 8"
            raise ConfigError(explain("compress", expected="fewer numbers or fewer bits", got="neither", do=do))
        if self.out is None:
            return
        if self.bits and self.out.suffix:
            do = "other formats hold no rounded numbers"
            raise ConfigError(explain("--out", expected="the name of a folder, without an end", got=self.out, do=do))
        check_new_vectors(self.out, inputs=[Path(self.vectors)])

    def run(self) -> None:
        """Compress, compare, write."""
        from eigenlm.vectors.change import changed_scores, neighbours_kept
        from eigenlm.vectors.compress import compress
        from eigenlm.vectors.formats import read_vectors

        before = read_vectors(self.vectors)
        made = compress(before, dim=self.dim, projection=self.projection, bits=self.bits, without_top=self.without_top)
        if self.out is not None:
            self._write(self.out, made)
        kept = neighbours_kept(before, made.space, seed=self.seed)
        analogies, pairs = self.questions.files_there_are()
        most = self.questions.max_words
        scores = changed_scores(before, made.space, questions=analogies, pairs=pairs, most=most)
        if self.json:
            print_json({**self._figures(made), "dim_before": before.dim, "neighbours_kept": kept, "scores": scores})
            return
        print_facts(_facts(before.dim, made, kept))
        print_changed_scores(scores, "On general questions", quiet=self.quiet)
        if self.out is not None:
            self.point_to(self.out, f"eigenlm vectors neighbours {self.out} {before.words[0]}")

    def _write(self, out: Path, made: "CompressedVectors") -> None:
        from eigenlm.files import whole_folder
        from eigenlm.vectors.folder import write_folder
        from eigenlm.vectors.formats import write_vectors

        if out.suffix:
            write_vectors(made.space, out)
            return
        with whole_folder(out) as folder:
            write_folder(made.space, folder, {"from": self.vectors, **self._figures(made)}, made.rounded)

    def _figures(self, made: "CompressedVectors") -> dict[str, object]:
        return {
            "out": self.out,
            "num_words": len(made.space),
            "dim": made.space.dim,
            "bits": self.bits or 32,
            "projection": self.projection if self.dim is not None else None,
            "without_top": self.without_top,
            "num_bytes": made.num_bytes,
            "num_bytes_before": made.num_bytes_before,
            "energy_kept": made.energy_kept,
            "mean_cosine": made.mean_cosine,
        }


def _facts(dim: int, made: "CompressedVectors", kept: "Estimate") -> list[tuple[str, str]]:
    share = made.num_bytes / made.num_bytes_before
    return [
        ("numbers in a vector", f"{dim} -> {made.space.dim}"),
        ("bytes of the vectors", f"{made.num_bytes_before:,} -> {made.num_bytes:,} ({share:.1%})"),
        ("energy kept", f"{made.energy_kept:.3%}"),
        ("mean cosine with the old vector", f"{made.mean_cosine:.5f}"),
        ("of the 10 nearest words, still among them", f"{kept.value:.1%} ({kept.low:.1%} to {kept.high:.1%})"),
    ]
