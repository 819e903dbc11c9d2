"""Documents to token shards: tokenized once, checked by sums, never changed."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.files import whole_folder
from eigenlm.progress import track
from eigenlm.text.pieces import pieces
from eigenlm.text.shard_manifest import (
    FileEntry,
    Manifest,
    StreamEntry,
    check_files,
    dtype_for,
    read_manifest,
    write_manifest,
)
from eigenlm.text.split import assigned_documents
from eigenlm.text.token_stream import TokenFile, TokenStream
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.windows import document_end

_CHARACTERS_AT_ONCE = 1 << 20  # encoded together; the library keeps some 100 bytes a token meanwhile


@dataclass(frozen=True)
class TokenShards:
    """A corpus as tokens, opened.

    Attributes:
        folder: where it is.
        manifest: what it says about itself.
        train: what is learned from.
        validation: what is kept apart.
    """

    folder: Path
    manifest: Manifest
    train: TokenStream
    validation: TokenStream


def write_shards(
    documents: Iterable[str],
    tokenizer: Tokenizer,
    folder: str | Path,
    *,
    validation: float,
    seed: int = 0,
    shard_tokens: int = 2**26,
) -> TokenShards:
    """Tokenize documents into a new folder, whole or not at all; memory does not grow with the corpus.

    After each document stands `document_end`. The folder holds `manifest.json` and, for `train` and `validation`,
    files of tokens (`train-00000.bin`, ...) and one of document offsets (`train-offsets.bin`); all numbers are
    little-endian.

    Args:
        documents: read once, in order.
        tokenizer: text is encoded as text: no document can spell a control token.
        folder: new or empty.
        validation: about how much is kept apart; `split.assigned_documents` has the rule.
        seed: of the split.
        shard_tokens: the most tokens in a file.

    Raises:
        ConfigError: a fraction outside (0, 1), or a shard size below 1.
        DataError: no text, too little of it, a token outside the vocabulary, a folder in use, or no room on the disk.
    """
    if shard_tokens < 1:
        raise ConfigError(explain("writing shards", expected="shard_tokens of at least 1", got=shard_tokens))
    dtype, end = dtype_for(tokenizer.vocab_size), document_end(tokenizer)
    with whole_folder(folder) as place, ExitStack() as files:
        sides = [_StreamWriter(place / name, dtype, shard_tokens, files) for name in ("train", "validation")]
        for chunk in _chunks(track(_parts(documents, tokenizer, validation, seed), "tokenizing")):
            rows = tokenizer.encode_batch([part.text for part in chunk])
            for part, ids in zip(chunk, rows):
                sides[part.apart].write(_checked(ids + end if part.is_last else ids, tokenizer))
                sides[part.apart].num_bytes += len(part.text.encode())
                if part.is_last:
                    sides[part.apart].end_document()
        train, kept_apart = (side.finish() for side in sides)
        manifest = Manifest(
            tokenizer=tokenizer.fingerprint,
            vocab_size=tokenizer.vocab_size,
            dtype=dtype,
            seed=seed,
            fraction=validation,
            train=train,
            validation=kept_apart,
        )
        write_manifest(place, manifest)
    return open_shards(folder, verify=False)


def open_shards(folder: str | Path, tokenizer: Tokenizer | None = None, *, verify: bool = True) -> TokenShards:
    """Open what `write_shards` wrote.

    Args:
        folder: with `manifest.json`.
        tokenizer: must be the one that the text was encoded with; None does not ask.
        verify: read every file through for its checksum; else only sizes are looked at.

    Raises:
        DataError: no or a damaged manifest, another tokenizer, a file that is missing, cut short or changed.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if tokenizer is not None and tokenizer.fingerprint != manifest.tokenizer:
        expected, got = f"the tokenizer {manifest.tokenizer[:12]}", f"{tokenizer.fingerprint[:12]}"
        do = "give the tokenizer that the shards were written with, or write them again"
        raise DataError(explain(f"opening {folder}", expected=expected, got=got, do=do))
    check_files(folder, manifest, verify=verify)
    streams = (_opened(folder, manifest, entry) for entry in (manifest.train, manifest.validation))
    return TokenShards(folder, manifest, *streams)


def _opened(folder: Path, manifest: Manifest, entry: StreamEntry) -> TokenStream:
    files = [TokenFile(folder / shard.name, shard.count) for shard in entry.shards]
    # Mapped, unlike the tokens: a search touches a few pages of it, and there may be a hundred million documents.
    offsets = np.memmap(folder / entry.offsets.name, "<i8", mode="r").view(np.ndarray).astype(np.int64, copy=False)
    if offsets[0] != 0 or offsets[-1] != sum(file.num_tokens for file in files):
        got = f"{offsets[0]} to {offsets[-1]}"
        raise DataError(explain(f"opening {folder}", expected="document offsets over all tokens", got=got))
    return TokenStream(files, manifest.dtype, offsets, entry.num_bytes)


class _Part(NamedTuple):
    text: str
    apart: bool
    is_last: bool


def _parts(documents: Iterable[str], tokenizer: Tokenizer, fraction: float, seed: int) -> Iterator[_Part]:
    for document, apart in assigned_documents(documents, fraction, seed):
        parts = pieces(document, tokenizer)
        for i, text in enumerate(parts, start=1):
            yield _Part(text, apart, i == len(parts))


def _chunks(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    chunk: list[_Part] = []
    size = 0
    for part in parts:
        chunk.append(part)
        size += len(part.text)
        if size >= _CHARACTERS_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _checked(ids: list[int], tokenizer: Tokenizer) -> np.ndarray:
    tokens = np.asarray(ids, np.int64)
    if tokens.size and tokens.max() >= tokenizer.vocab_size:
        expected = f"tokens from 0 to {tokenizer.vocab_size - 1}"
        raise DataError(explain("tokenizing", expected=expected, got=tokens.max(), do="mend the tokenizer"))
    return tokens


class _HashedFile:
    """A file being written, its checksum growing with it."""

    def __init__(self, path: Path, dtype: str, files: ExitStack) -> None:
        self.name, self.count = path.name, 0
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._digest = hashlib.sha256()
        self._file = files.enter_context(path.open("wb"))

    def write(self, numbers: np.ndarray) -> None:
        data = numbers.astype(self._dtype).tobytes()
        self._file.write(data)
        self._digest.update(data)
        self.count += len(numbers)

    def close(self) -> FileEntry:
        self._file.close()
        return FileEntry(name=self.name, count=self.count, sha256=self._digest.hexdigest())


class _StreamWriter:
    """One side of the split being written: shards of at most `shard_tokens` tokens, and where documents begin."""

    def __init__(self, stem: Path, dtype: str, shard_tokens: int, files: ExitStack) -> None:
        self.num_bytes = self._num_tokens = 0
        self._name, self._shard_tokens = stem.name, shard_tokens
        self._shards: list[FileEntry] = []
        self._new = (_HashedFile(Path(f"{stem}-{i:05d}.bin"), dtype, files) for i in count())
        self._shard = next(self._new)
        self._offsets = _HashedFile(Path(f"{stem}-offsets.bin"), "int64", files)
        self._offsets.write(np.zeros(1))

    def write(self, tokens: np.ndarray) -> None:
        self._num_tokens += len(tokens)
        while len(tokens):
            if self._shard.count == self._shard_tokens:
                self._shards.append(self._shard.close())
                self._shard = next(self._new)
            room = self._shard_tokens - self._shard.count
            self._shard.write(tokens[:room])
            tokens = tokens[room:]

    def end_document(self) -> None:
        self._offsets.write(np.array([self._num_tokens]))

    def finish(self) -> StreamEntry:
        if self._num_tokens < 2:
            expected, got = f"at least 2 tokens for {self._name}", self._num_tokens
            raise DataError(explain("writing shards", expected=expected, got=got, do="give more text"))
        shards = (*self._shards, self._shard.close())
        return StreamEntry(shards=shards, offsets=self._offsets.close(), num_bytes=self.num_bytes)
