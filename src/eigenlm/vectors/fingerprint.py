"""Whether vectors are still those that something was made of."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eigenlm.vectors.word_vectors import WordVectors

_BLOCK_ROWS = 1 << 14


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Words and vectors, told by few bytes.

    Attributes:
        digest: BLAKE2b of all words and all numbers.
        files: size and time of the last change of each file they were read from: while these are the same nothing is
            read to compare, as git does with its index.
    """

    digest: str
    files: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, space: WordVectors, files: Sequence[Path]) -> "Fingerprint":
        """Read all of it."""
        return cls(digest=_digest(space), files=_stamps(files))

    def fits(self, space: WordVectors, files: Sequence[Path]) -> bool:
        """Whether it is of these vectors."""
        return (bool(files) and dict(self.files) == _stamps(files)) or self.digest == _digest(space)


def _digest(space: WordVectors) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{space.dim} numbers\n".encode())
    for word in space.words:
        digest.update(word.encode(errors="surrogatepass") + b"\n")
    for block in space.vectors.split(_BLOCK_ROWS):
        digest.update(block.float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _stamps(files: Sequence[Path]) -> dict[str, list[int]]:
    about = {file.name: file.stat() for file in files}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in about.items()}
