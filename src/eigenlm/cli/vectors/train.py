"""`eigenlm vectors train`."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro

from eigenlm.allowed import VECTOR_METHODS, check, check_vector_method
from eigenlm.cli.command import Command
from eigenlm.cli.options import Out
from eigenlm.cli.output import print_json
from eigenlm.errors import counted
from eigenlm.files import check_new


@dataclass(frozen=True)
class VectorsTrainCommand(Command):
    """Make a vector for each word of a text: words that stand in like company get vectors that point alike."""

    text: Annotated[
        Path,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="CORPUS", help="A text, jsonl or parquet file (also .gz), a folder of them, or -."),
    ]
    out: Out
    method: Annotated[str, tyro.conf.arg(metavar="NAME", help=f"One of {', '.join(VECTOR_METHODS)}.")] = "ppmi-svd"
    dim: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Numbers in a vector."""
    window: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Words to each side that are near."""
    min_count: int = 5
    """Words that are there less often are left out."""
    max_words: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """The most words, the most frequent of them; all by default."""
    seed: int = 0
    """Makes the same vectors again."""
    changes: Annotated[
        tuple[str, ...],
        tyro.conf.arg(name="set", metavar="FIELD=VALUE ...", help="Set what only this method has, such as power=0.25."),
    ] = ()

    def check(self) -> None:
        """Refuse a method that there is not, and a folder that holds something."""
        check_vector_method(self.method)
        check(words_near=self.window)
        check_new(self.out)

    def run(self) -> None:
        """Read, count, factorize and write."""
        from eigenlm.files import whole_folder
        from eigenlm.vectors.corpus import read_corpus
        from eigenlm.vectors.folder import write_folder
        from eigenlm.vectors.methods import METHODS, config_of
        from eigenlm.vectors.word_vectors import WordVectors

        config = config_of(self.method, self.changes, dim=self.dim, window=self.window, seed=self.seed)
        begun = time.perf_counter()
        corpus = read_corpus(self.text, min_count=self.min_count, most=self.max_words)
        trained = METHODS[self.method].train(corpus, config)
        vectors = WordVectors(corpus.words, trained.vectors, str(self.out))
        seconds = time.perf_counter() - begun
        figures = {"method": self.method, **asdict(config), "text": str(self.text), "num_read": corpus.num_read}
        figures["losses"] = trained.losses
        with whole_folder(self.out) as folder:
            write_folder(vectors, folder, {**figures, "counts": corpus.counts.tolist()})
        told = {"out": self.out, "num_words": len(vectors), "seconds": seconds, **figures}
        if self.json:
            print_json(told)
        else:
            read = f"{counted(len(vectors), 'word')} of {corpus.num_read:,} read, {seconds:.1f} s"
            self.point_to(self.out, f"eigenlm vectors neighbours {self.out} {corpus.words[0]} ({read})")
