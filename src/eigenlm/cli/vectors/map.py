"""`eigenlm vectors map`."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Out, Vectors
from eigenlm.cli.output import print_json
from eigenlm.errors import counted
from eigenlm.vector_names import check_layout


@dataclass(frozen=True)
class VectorsMapCommand(Command):
    """Write one offline page to see words as points, search, add and subtract them, and bend an axis."""

    vectors: Vectors
    out: Out
    max_words: int = 50_000
    """Only so many words, the first of them; at most 100,000."""
    layout: Annotated[
        Literal["pca", "umap"],
        tyro.conf.arg(help="pca takes seconds; umap adds a picture that keeps neighbours together, in minutes."),
    ] = "pca"
    contextual: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="PATH",
            help="A JSON file of one word's vectors in its sentences, to be shown beside (docs/vectors.md).",
        ),
    ] = None
    seed: int = 0
    """Makes the same picture again."""

    def check(self) -> None:
        """Refuse a layout that is not installed."""
        check_layout(self.layout)

    def run(self) -> None:
        """Read, lay out and write."""
        from eigenlm.vectors.formats import read_vectors
        from eigenlm.vectors.map import map_of, write_map
        from eigenlm.vectors.map.contextual import read_contextual

        begun = time.perf_counter()
        contextual = None if self.contextual is None else read_contextual(self.contextual)
        shown = map_of(read_vectors(self.vectors), most=self.max_words, layout=self.layout, seed=self.seed)
        write_map(shown, self.out, contextual)
        seconds, size = time.perf_counter() - begun, self.out.stat().st_size
        if self.json:
            shares = {one.name: one.shares for one in shown.layouts}
            kept = {one.name: kept for one, kept in zip(shown.layouts, shown.kept)}
            told = {"out": self.out, "num_words": len(shown.words), "dim": shown.dim, "seconds": seconds}
            print_json(told | {"bytes": size, "variance": shares, "neighbours_kept": kept, "page": shown.agreement})
        else:
            of = f"{counted(len(shown.words), 'word')}, {size / 1e6:.1f} MB, {seconds:.1f} s"
            self.point_to(self.out, f"open it in a browser ({of})")
