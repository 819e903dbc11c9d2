"""A vector for every line of a text of any length, in a file that numpy maps into memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from eigenlm.errors import DataError, explain
from eigenlm.files import whole_file
from eigenlm.language_model import LanguageModel, check_speaks
from eigenlm.progress import track, waiting
from eigenlm.sentence_encoder import SentenceEncoder
from eigenlm.shown import Shown
from eigenlm.text.corpus import read_rows
from eigenlm.text.reading import side_by_side
from eigenlm.text_files import text_files

_TOLD = 20  # empty lines that are named


@dataclass(frozen=True, kw_only=True)
class EmbeddedLines(Shown):
    """What became of the lines of a text.

    Attributes:
        num_texts: rows of the file, one for each line, in their order.
        dim: numbers in a row.
        num_cut: texts longer than `limit`, whose end the model has not read.
        limit: the most tokens of a text that are read; None where a text must fit whole.
        num_empty: texts of white space alone, whose rows are zero.
        first_empty: the first twenty of them, each by its file and its number there.
        pooling: how the vectors of tokens became one.
        normalized: whether rows have length 1.
        prompt: the text that was put before each.
    """

    num_texts: int
    dim: int
    num_cut: int
    limit: int | None
    num_empty: int
    first_empty: tuple[str, ...]
    pooling: tuple[str, ...]
    normalized: bool
    prompt: str


def embed_lines(lm: LanguageModel, text: str | Path, out: str | Path, *, prompt: str | None = None) -> EmbeddedLines:
    """Write the vector of every line of a text as a row of a `.npy` file, which appears whole or not at all.

    A line of a text file, a row of jsonl (its field `text`) and one of Parquet (its column `text`) each count as one.
    Some hundred thousand characters are in memory at once, whose texts pass the model by length. An empty line keeps
    its row, of zeros, so that row i stays line i.

    Args:
        lm: the model.
        text: a file, or a folder of files.
        out: what is written; `numpy.load(out, mmap_mode="r")` reads it.
        prompt: the name of the model's prompt to put before each, as in `LanguageModel.embed`.

    Raises:
        DataError: no text, or a file that cannot be read or written.
        ConfigError: no such prompt, or a model whose vectors are not computed here.
        ShapeError: a text longer than the context, which the model's files do not say to cut.
    """
    check_speaks(lm, "embedding")
    encoder = lm.sentence_encoder(prompt)
    files = text_files(Path(text))
    with waiting("counting"):
        num_texts, num_empty, first_empty = _counted(files)
    if num_texts == num_empty:
        raise DataError(explain(f"reading {text}", expected="some text", got="none"))
    with whole_file(out) as path, path.open("wb") as file:
        shape = (num_texts, encoder.width)
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        begun = file.tell()
        texts = chain.from_iterable(map(read_rows, files))
        num_cut = sum(track(_written(encoder, texts, file), "embedding", num_texts))
        if file.tell() != begun + 4 * num_texts * encoder.width:
            got = "others at the second reading"
            raise DataError(explain(f"reading {text}", expected=f"{num_texts:,} texts", got=got))
    return EmbeddedLines(
        num_texts=num_texts,
        dim=encoder.width,
        num_cut=num_cut,
        limit=encoder.limit,
        num_empty=num_empty,
        first_empty=first_empty,
        pooling=encoder.vectors.pooling,
        normalized=encoder.vectors.normalize,
        prompt=encoder.prompt,
    )


def _counted(files: Iterable[Path]) -> tuple[int, int, tuple[str, ...]]:
    """How many texts there are, how many of them are empty, and the first of these."""
    count = num_empty = 0
    first: list[str] = []
    for file in files:
        for number, text in enumerate(read_rows(file), start=1):
            count += 1
            if not text.strip():
                num_empty += 1
                first += [f"{file}:{number}"] if len(first) < _TOLD else []
    return count, num_empty, tuple(first)


def _written(encoder: SentenceEncoder, texts: Iterable[str], file: BinaryIO) -> Iterator[bool]:
    """Write the vectors of texts in their order; whether each was cut, as they are made."""
    for some in side_by_side(texts):
        block = np.zeros((len(some), encoder.width), dtype="<f4")
        full = [place for place, text in enumerate(some) if text.strip()]
        rows, cut = encoder.read([some[place] for place in full])
        was_cut = set(cut)
        for places, vectors in encoder.encode(rows):
            block[[full[place] for place in places]] = vectors.cpu().numpy()
            yield from (place in was_cut for place in places)
        file.write(block.tobytes())
        yield from (False for _ in range(len(some) - len(full)))
