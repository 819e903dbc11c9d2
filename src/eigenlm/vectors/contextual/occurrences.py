"""Where a word stands in the lines of a text, and the vectors that a model gives it there; other words beside it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.analysis.senses.sentences import places_of
from eigenlm.analysis.senses.states import SpelledText, check_kind, check_size, layers_of, spelled
from eigenlm.errors import DataError, explain
from eigenlm.language_model import LanguageModel
from eigenlm.linalg.seeded import seeded
from eigenlm.progress import track, waiting
from eigenlm.text.corpus import read_rows
from eigenlm.text_files import text_files

_OTHERS = 1000  # other words that are kept, at most
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class PlaceInText:
    """Where a word stands.

    Attributes:
        source: the file and the number of the line in it.
        text: the line.
        first: its first character.
        end: one past its last.
    """

    source: str
    text: str
    first: int
    end: int

    @property
    def word(self) -> str:
        """As it is spelled there."""
        return self.text[self.first : self.end]


@dataclass(frozen=True)
class Occurrences:
    """The places of a word and of other words of the same lines, with their vectors, float32.

    A word of several tokens has the mean of their vectors.

    Attributes:
        places: of the word, C of them.
        pieces: the tokens of each.
        vectors: after the embedding (layer 0) and each of the N blocks.
        static: those of its tokens in the table of the embedding, without their places in the text; None where
            these have another width.
        others: places of other words, W of them, drawn at random.
        other_vectors: theirs.
        num_lines: lines of the text, those without the word among them.
        num_places: times that the word stands in them, of which C are looked at.
        num_left_out: lines that were to be looked at, and are longer than the context or spell a control token.
    """

    places: list[PlaceInText]
    pieces: list[tuple[str, ...]]
    vectors: Float[Tensor, "N1 C D"]
    static: Float[Tensor, "C D"] | None
    others: list[PlaceInText]
    other_vectors: Float[Tensor, "N1 W D"]
    num_lines: int
    num_places: int
    num_left_out: int


def occurrences(lm: LanguageModel, word: str, text: Path, *, most: int, seed: int) -> Occurrences:
    """Run every line that holds the word, whole and in any case, and keep the vectors of each of its places.

    Args:
        lm: a decoder or an encoder.
        word: what to look for.
        text: a file, or a folder of files; a line, or a row of jsonl or Parquet, is read by itself.
        most: places that are looked at, spread evenly over the text.
        seed: seed of the generator that draws the other words.

    Raises:
        ConfigError: an encoder-decoder, or more than memory holds.
        DataError: no line holds the word, or the text cannot be read.
    """
    check_kind(lm)
    with waiting("reading"):
        num_lines, every = _places(word, text)
    number = min(most, len(every))
    some = [every[i * len(every) // number] for i in range(number)]
    rows = {line: _readable(lm, line) for line in dict.fromkeys(place.text for place in some)}
    read = {line: row for line, row in rows.items() if row is not None}
    chosen = [one for one in some if one.text in read and read[one.text].spelling(one.first, one.end)]
    if not chosen:
        got = "only in lines that the model cannot read whole" if every else f"none in {num_lines:,} lines"
        raise DataError(explain(f"looking for {word!r} in {text}", expected="it, as a whole word", got=got))
    others = _others(read, word, seed)
    check_size(lm, len(chosen) + len(others) + 1)
    vectors = _vectors(lm, read, [*chosen, *others])
    spelling = [(read[place.text], read[place.text].spelling(place.first, place.end)) for place in chosen]
    ids = [[row.ids[i] for i in own] for row, own in spelling]
    return Occurrences(
        places=chosen,
        pieces=[tuple(lm.tokenizer.token(i) or "" for i in own) for own in ids],
        vectors=vectors[:, : len(chosen)],
        static=_static(lm, ids),
        others=others,
        other_vectors=vectors[:, len(chosen) :],
        num_lines=num_lines,
        num_left_out=len(rows) - len(read),
        num_places=len(every),
    )


def _places(word: str, text: Path) -> tuple[int, list[PlaceInText]]:
    """How many lines there are, and where the word stands in them."""
    num_lines, found = 0, []
    for file in text_files(text):
        for number, line in enumerate(read_rows(file), start=1):
            num_lines += 1
            found += [PlaceInText(f"{file}:{number}", line, *span) for span in places_of(word, line)]
    return num_lines, found


def _readable(lm: LanguageModel, line: str) -> SpelledText | None:
    """A line as the model reads it, if it can read it whole."""
    try:
        row = spelled(lm, line)
    except DataError:
        return None
    return row if len(row.ids) <= lm.config.context_length else None


def _others(read: Mapping[str, SpelledText], word: str, seed: int) -> list[PlaceInText]:
    """Other words of some lines, at random if they are many, in the order of the text."""
    found = []
    for line, row in read.items():
        own = places_of(word, line)
        for match in _WORD.finditer(line):
            first, end = match.span()
            apart = all(end <= start or first >= stop for start, stop in own)
            if apart and row.spelling(first, end):
                found.append(PlaceInText("", line, first, end))
    drawn = torch.randperm(len(found), generator=seeded(seed))[:_OTHERS]
    return [found[i] for i in drawn.sort().values.tolist()]


def _vectors(
    lm: LanguageModel, read: Mapping[str, SpelledText], places: Sequence[PlaceInText]
) -> Float[Tensor, "N1 P D"]:
    """The mean over the tokens of each place, after every layer; each line passes once."""
    by_line: dict[str, list[int]] = {line: [] for line in read}
    for i, place in enumerate(places):
        by_line[place.text].append(i)
    found = torch.empty(lm.config.num_layers + 1, len(places), lm.config.d_model)
    for line, own in track(list(by_line.items()), "sentences"):
        states_NTD = layers_of(lm, read[line])
        for i in own:
            spelling = read[line].spelling(places[i].first, places[i].end)
            found[:, i] = states_NTD[:, spelling].mean(dim=1)
    return found


@torch.inference_mode()
def _static(lm: LanguageModel, ids: Sequence[Sequence[int]]) -> Float[Tensor, "C D"] | None:
    embedding = lm.model.embedding
    if lm.config.embedding.width not in (None, lm.config.d_model):
        return None
    rows = [embedding.vectors(torch.tensor([own], device=lm.device))[0].float().mean(dim=0) for own in ids]
    return torch.stack(rows).cpu()
