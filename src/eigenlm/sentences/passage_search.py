"""Search by meaning: the passages of a folder whose vectors point most nearly the same way as a query's."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from eigenlm.allowed import check
from eigenlm.checkpoint import SentenceVectors
from eigenlm.config import to_dict
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.language_model import LanguageModel, check_speaks
from eigenlm.linalg.similarity import unit_rows
from eigenlm.progress import track
from eigenlm.sentence_encoder import SentenceEncoder, prompt_of_passages, prompt_of_queries
from eigenlm.sentences.folder_files import files_below
from eigenlm.sentences.passage_index import DamagedIndexError, PassageIndex, discard
from eigenlm.sentences.passages import Passage, passages
from eigenlm.settings import cache_folder
from eigenlm.shown import Shown
from eigenlm.terminal import tell

_FORMAT = "1"  # of the index, and of the rule by which files are cut into passages
_MOST = 256  # tokens of a passage, where the model reads more: longer ones say too many things for one vector
_SAMPLES = 1024  # numbers of each weight that tell one model from another


@dataclass(frozen=True, kw_only=True)
class FoundPassage:
    """A passage that answers a query.

    Attributes:
        score: the cosine of its vector with the query's.
        file: where it stands; its path begins with that of the folder, as it was given.
        line: number of its first line, or of its row.
        last_line: number of its last.
        text: the passage.
        also: other files of the same content.
    """

    score: float
    file: str
    line: int
    last_line: int
    text: str
    also: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FoundPassages(Shown):
    """What a search gives.

    Attributes:
        query: what was asked.
        answers: the passages nearest to it, the nearest first.
        num_files: files that were searched.
        num_passages: passages they have.
        num_embedded: those of them that had to be embedded now.
        left_out: files that are no text, and why.
        index: where passages and vectors are kept.
    """

    query: str
    answers: tuple[FoundPassage, ...]
    num_files: int
    num_passages: int
    num_embedded: int
    left_out: tuple[tuple[str, str], ...]
    index: Path


def search(
    lm: LanguageModel, folder: str | Path, query: str, *, count: int = 5, index: str | Path | None = None
) -> FoundPassages:
    """The passages of a folder's texts whose vectors have the largest cosine with that of a query, every one compared.

    The first search embeds all passages; later ones only those of files whose content is new. What has been embedded is
    kept, also of a search that was ended before its time. A model whose files have prompts for queries and for
    passages is given them.

    Args:
        lm: makes the vectors.
        folder: of text files, those of folders in it too, or one file; what is no text is left out and named.
        query: what to look for.
        count: how many passages.
        index: the file that keeps the vectors; by default one in the user's cache for each folder and model.

    Raises:
        DataError: no query, no text, or an index that cannot be used.
        ConfigError: `count` below 1, an index of another folder or model, or vectors that are not computed here.
    """
    check_speaks(lm, "search")
    check(count=count)
    folder = Path(folder)
    if not query.strip():
        raise DataError(explain("search", expected="words to look for", got="none"))
    vectors = lm.generation.vectors or SentenceVectors()
    encoder = lm.sentence_encoder(prompt_of_passages(vectors))
    questions = lm.sentence_encoder(prompt_of_queries(vectors))
    wanted = unit_rows(questions.vectors_of(questions.read([query])[0]))[0].cpu().numpy()
    spelled = os.fsencode(os.path.realpath(folder)).decode(errors="backslashreplace")
    about = {"folder": spelled, "model": _fingerprint(lm, encoder), "format": _FORMAT}
    place = _usual_place(about) if index is None else Path(index)
    files, base = _files(folder, place), folder if folder.is_dir() else folder.parent

    def attempt() -> FoundPassages:
        with PassageIndex(place, about) as opened:
            opened.enter(files, base, _splitter(encoder))
            _check_text(opened, folder)
            num_embedded = sum(1 for _ in track(_embedded(opened, encoder), "embedding", opened.num_waiting()))
            nearest = opened.nearest(wanted, count)
            num_files, num_passages = opened.counts()
            return FoundPassages(
                query=query,
                answers=tuple(_found(score, base, *opened.passage(number)) for score, number in nearest),
                num_files=num_files,
                num_passages=num_passages,
                num_embedded=num_embedded,
                left_out=tuple((str(base / file), why) for file, why in opened.left_out()),
                index=place,
            )

    try:
        return attempt()
    except DamagedIndexError as error:
        discard(place, ours=index is None)
        tell(f"eigenlm: the index {place} was damaged ({error}) and is made anew")
        return attempt()


def _files(folder: Path, index: Path) -> list[Path]:
    """The files that are searched, without the index."""
    if not folder.exists():
        raise DataError(explain(f"searching {folder}", expected="a file or folder", got="nothing there"))
    files = files_below(folder, without=(index, Path(f"{index}-journal")))
    if not files:
        raise DataError(explain(f"searching {folder}", expected="files of text", got="none"))
    return files


def _check_text(opened: PassageIndex, folder: Path) -> None:
    """Refuse files of which none holds a passage."""
    if not opened.counts()[1]:
        do = "; ".join(f"{name}: {why}" for name, why in opened.left_out()[:3])
        raise DataError(explain(f"searching {folder}", expected="files of text", got="none that holds any", do=do))


def _found(score: float, base: Path, files: list[str], passage: Passage) -> FoundPassage:
    first, *also = (str(base / file) for file in files)
    return FoundPassage(
        score=score,
        file=first,
        line=passage.first,
        last_line=passage.last,
        text=passage.text,
        also=tuple(also),
    )


def _splitter(encoder: SentenceEncoder) -> Callable[[Path], Iterator[Passage]]:
    """What cuts a file into passages that the model reads whole."""
    longest = encoder.limit or encoder.runner.model.config.context_length
    most = min(_MOST, longest) - encoder.around
    if most < 1:
        expected = f"a model that reads more than the {encoder.around} tokens of its prompt and markers"
        raise ConfigError(explain("search", expected=expected, got=f"one that reads {longest}"))

    def tokens(texts: Sequence[str]) -> list[int]:
        return [len(row) for row in encoder.tokenizer.encode_batch(texts)]

    return partial(passages, count=tokens, most=most)


def _embedded(opened: PassageIndex, encoder: SentenceEncoder) -> Iterator[int]:
    """Give the passages that wait for them their vectors; their numbers, as these are made."""
    for numbers, texts in opened.waiting():
        rows, _ = encoder.read(texts)
        X = torch.empty(len(rows), encoder.width)
        for places, vectors in encoder.encode(rows):
            X[places] = unit_rows(vectors).cpu()
            yield from (numbers[place] for place in places)
        opened.add(numbers, X.numpy())


def _usual_place(about: Mapping[str, str]) -> Path:
    """One file for each folder and model."""
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "search" / f"{Path(about['folder']).name or 'root'}-{key[:16]}.sqlite"


def _fingerprint(lm: LanguageModel, encoder: SentenceEncoder) -> str:
    """What tells what makes vectors of passages from any other: its settings, and some numbers of each weight."""
    said = [to_dict(lm.config), to_dict(encoder.vectors), encoder.prompt, lm.tokenizer.fingerprint]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
    for name, tensor in sorted(lm.model.state_dict().items()):
        sample = tensor.flatten()[:: max(1, tensor.numel() // _SAMPLES)]
        digest.update(name.encode() + str(tensor.dtype).encode() + sample.double().cpu().numpy().tobytes())
    return digest.hexdigest()
