"""What word vectors are called, and how they are read and written: by what is in a file, and by a name's end."""

from pathlib import Path

import numpy as np
import torch

from eigenlm.errors import DataError, explain
from eigenlm.files import regular, whole_file, whole_folder
from eigenlm.vector_names import PACKAGES, check_vectors, package_folder
from eigenlm.vectors.binary_format import read_binary, write_binary
from eigenlm.vectors.folder import CODES, STEPS, VECTORS, WORDS, is_folder_of_vectors, read_folder, write_folder
from eigenlm.vectors.index import open_index
from eigenlm.vectors.text_format import HEADER, read_text, write_text
from eigenlm.vectors.token_vectors import token_vectors
from eigenlm.vectors.word_vectors import WordVectors

_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
_MODELS = (".gguf", ".safetensors")


def read_vectors(where: str | Path) -> WordVectors:
    """Word vectors of a file or folder of any format that is read, an installed package, or a model's tokens.

    Formats are told by what is in a file: word2vec's text and binary, GloVe's and fastText's text (also .gz), and the
    folder that `eigenlm vectors train` writes. Of a model, the vectors are the rows of its token embedding.

    Raises:
        DataError: nothing there, a format that is not read, or a damaged file.
        CheckpointError: a damaged model.
    """
    check_vectors(where)
    name, path = str(where), Path(where)
    if name in PACKAGES and not path.exists():
        return _of_package(name)
    if is_folder_of_vectors(path):
        return read_folder(path)
    if path.is_file() and not name.lower().endswith(_MODELS):
        return _of_file(path)
    return token_vectors(name)


def files_of(where: str | Path) -> list[Path]:
    """The files that `read_vectors` reads vectors and words from; none of a model."""
    name, path = str(where), Path(where)
    if name in PACKAGES and not path.exists():
        return sorted((package_folder(name) / "data").iterdir())
    if is_folder_of_vectors(path):
        return [file for file in sorted(path.iterdir()) if file.name in (VECTORS, CODES, STEPS, WORDS)]
    return [path] if path.is_file() else []


def read_indexed(where: str | Path, index: str | Path | None) -> WordVectors:
    """Word vectors, with an index that was built of them if one is named.

    Raises:
        DataError: as of `read_vectors`, and no index, a damaged one, or one of other vectors.
    """
    space = read_vectors(where)
    return space if index is None else open_index(space, Path(index), files_of(where))


def write_vectors(space: WordVectors, target: str | Path) -> None:
    """Write vectors whole or not at all, in the format of the name's end.

    `.bin` is word2vec's binary; `.txt` and `.vec` its text, which fastText and gensim read; `.glove` is text without
    a first line; a name without an end is a folder that is mapped when it is read.

    Raises:
        DataError: another end, or a word with white space in it for a format that cannot have one.
    """
    path = Path(target)
    kind = path.suffix.lower()
    if kind not in (".bin", ".txt", ".vec", ".glove", ""):
        expected = "a name that ends in .bin, .txt, .vec or .glove, or a folder"
        raise DataError(explain(f"writing {path}", expected=expected, got=path.name))
    if kind and (spaced := next((word for word in space.words if len(word.split()) != 1), None)) is not None:
        do = "write a folder, which takes any word"
        raise DataError(explain(f"writing {path}", expected="words without white space", got=repr(spaced), do=do))
    if not kind:
        with whole_folder(path) as folder:
            write_folder(space, folder, {"from": space.source})
        return
    with whole_file(path) as temporary:
        write_binary(space, temporary) if kind == ".bin" else write_text(space, temporary, header=kind != ".glove")


def _of_file(path: Path) -> WordVectors:
    try:
        with regular(path).open("rb") as file:
            first, second = file.readline(1 << 20), file.read(1 << 20)
    except OSError as error:
        expected = "a file that can be read"
        raise DataError(explain(f"reading {path}", expected=expected, got=error.strerror)) from error
    if first.startswith(_PICKLES):
        do = "where it was made, save it with gensim's save_word2vec_format"
        raise DataError(explain(f"reading {path}", expected="vectors that are no program", got="a pickle", do=do))
    header = HEADER.fullmatch(first)
    return read_binary(path) if header and not _is_text(second, int(header[2])) else read_text(path)


def _is_text(beginning: bytes, dim: int) -> bool:
    """Whether what follows a first line `V D` is a word and numbers that are spelled."""
    fields = beginning.split(b"\n", 1)[0].split()[-dim:]
    try:
        return len([float(field) for field in fields]) == dim
    except ValueError:
        return False


def _of_package(name: str) -> WordVectors:
    import pyarrow.parquet

    folder = package_folder(name) / "data"
    table = pyarrow.parquet.read_table(folder / "glove_6B_index.parquet")
    vectors = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="c", allow_pickle=False)
    return WordVectors(tuple(map(str, table.column(0).to_pylist())), torch.from_numpy(vectors), name)
