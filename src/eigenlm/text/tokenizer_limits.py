"""What would take the process with it: character maps that are none, normalizers that swell, searches without end."""

import base64
import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np
import tokenizers
from tokenizers import Regex, models, normalizers, pre_tokenizers

from eigenlm.errors import CheckpointError, DataError, explain
from eigenlm.text.pre_tokenizers import KNOWN

T = TypeVar("T")
_GROWTH = 64  # characters out for a character in; composed characters and bytes of UTF-8 take a few
_MARKERS = 64  # around a text
_IDS = 1 << 24
_WORD = 10_000  # WordPiece's time grows with the square of a word
_ENTRY = 256  # bytes that a character map gives for one character; Unicode's longest is 33
_PATIENCE = 0.25  # seconds for 48 characters
_SECONDS, _CHARACTERS_A_SECOND = 5.0, 20_000.0  # a slow tokenizer takes a million
_PROBE = "a B\n1é中 \u0301🤖  "
_PREFIXED = re.compile(r'"continuing_subword_prefix"\s*:\s*"[^"]')
_WHAT = "the tokenizer's file"


def check_source(source: str) -> None:
    """Look at what ends the process, where it is wrong, before the library does: character maps, prefixes of merges.

    Raises:
        CheckpointError: a map that is none, or merges that do not begin with their prefix.
    """
    place = source.find("\\")  # names may be spelled in escapes, which are few: one letter is found at once
    while place >= 0 and not source.startswith("u00", place + 1):
        place = source.find("\\", place + 1)
    merged = '"merges"' in source and _PREFIXED.search(source)  # WordPiece has a prefix and no merges
    if place >= 0 or "Precompiled" in source or merged:
        state = json.loads(source)
        for part in _parts(state.get("normalizer")):
            if part.get("type") == "Precompiled":
                check_map(base64.b64decode(str(part.get("precompiled_charsmap"))))
        if isinstance(model := state.get("model"), dict):
            _check_prefix(model)


def _check_prefix(model: dict[str, Any]) -> None:
    """Refuse merges whose second part the library would cut within a character, where it takes the prefix off."""
    prefix, merges = model.get("continuing_subword_prefix"), model.get("merges")
    if not isinstance(prefix, str) or not isinstance(merges, list):
        return
    size = len(prefix.encode("utf-8", "surrogatepass"))
    for second in map(_second_part, merges):
        if not second.startswith(prefix) and not (len(second) > size and second[: size + 1].isascii()):
            expected = f"second parts that begin with {prefix!r}"
            raise CheckpointError(explain("merges of a tokenizer", expected=expected, got=repr(second)))


def _second_part(merge: Any) -> str:
    match merge:
        case str():
            return merge.partition(" ")[2]
        case [_, str(second)]:
            return second
    return ""


def check(library: tokenizers.Tokenizer) -> None:
    """Try what a file's tokenizer does to a short text, and what it could do to a long one.

    Raises:
        CheckpointError: it swells texts, does not end, gives a text twice, or has an id beyond all vocabularies.
    """
    library.no_truncation()
    library.no_padding()
    for stage in (library.normalizer, library.decoder):
        growth = math.prod(_growth(part) for part in _parts(_state(stage)))
        if growth > _GROWTH:
            raise CheckpointError(
                explain(_WHAT, expected=f"texts that grow at most {_GROWTH} times", got=f"{growth:g}")
            )
    for expression in _unfamiliar(library):
        _check_time(expression)
    model = library.model
    if isinstance(model, models.WordPiece) and model.max_input_chars_per_word > _WORD:
        got = f"{model.max_input_chars_per_word:,}"
        raise CheckpointError(explain(_WHAT, expected=f"words of at most {_WORD:,} characters", got=got))
    _check_markers(list(_parts(_state(library.post_processor))))
    with suppress(Exception):  # a text that it cannot encode is no fault; a panic is, and passes
        library.encode(_PROBE)


def check_ids(source: str, library: tokenizers.Tokenizer) -> None:
    """Refuse ids that no vocabulary has: the library counts up to the largest whenever it writes itself down.

    Args:
        source: the vocabulary's file, which is searched first, because to ask the library takes as long as to read it.
        library: what was read from it.

    Raises:
        CheckpointError: there is one.
    """
    if _has_long_number(source) and (largest := max(library.get_vocab().values(), default=0)) >= _IDS:
        raise CheckpointError(explain(_WHAT, expected=f"ids below {_IDS:,}", got=f"{largest:,}"))


def _has_long_number(text: str) -> bool:
    """Whether eight digits follow one another, found in a fiftieth of the time of a regular expression."""
    digits = np.frombuffer(text.encode(), np.uint8) - ord("0") < 10  # what comes before "0" wraps round
    for step in (1, 2, 4):
        digits = digits[:-step] & digits[step:]
    return bool(digits.any())


def is_familiar(library: tokenizers.Tokenizer) -> bool:
    """Whether all its expressions are of known tokenizers."""
    return next(_unfamiliar(library), None) is None


def in_time(num_characters: int, act: Callable[[], T]) -> T:
    """The result of encoding so many characters; a call that does not end is left to its thread.

    Raises:
        DataError: the time is over. Whatever `act` raises is raised here.
    """
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.extend((act(), None))
        except BaseException as failure:
            outcome.extend((None, failure))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    seconds = _SECONDS + num_characters / _CHARACTERS_A_SECOND
    thread.join(seconds)
    if not outcome:
        do = "use another tokenizer: an expression of this one does not end on this text"
        raise DataError(explain("encoding", expected=f"an end within {seconds:.0f} s", got="none", do=do))
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


def _state(stage: Any) -> Any:
    return None if stage is None else json.loads(stage.__getstate__())


def _parts(state: Any) -> Iterator[dict[str, Any]]:
    """The single stages of a state that may be a sequence of sequences."""
    if isinstance(state, dict):
        inner = [
            part for key in ("normalizers", "pretokenizers", "decoders", "processors") for part in state.get(key) or ()
        ]
        for part in inner:
            yield from _parts(part)
        if not inner:
            yield state


def _growth(part: dict[str, Any]) -> float:
    """How many characters at most come of one."""
    if part.get("type") == "Prepend":
        return 1.0 + len(part["prepend"])
    if part.get("type") != "Replace":
        return 1.0
    content, pattern = float(len(part["content"])), part["pattern"]
    if literal := pattern.get("String"):
        return max(1.0, content / len(literal))
    # An expression that matches nothing at all does so between any two characters.
    untouched = normalizers.Replace(Regex(pattern.get("Regex", "")), "x").normalize_str("\ue000")
    return content + 1.0 if len(untouched) > 1 else max(1.0, content)


def _check_markers(parts: list[dict[str, Any]]) -> None:
    """Markers around a text that are few and known, the text between them once: without one of these it panics."""
    pieces = [piece for part in parts for piece in part.get("single", ())]
    if len(pieces) > _MARKERS:
        got = f"{len(pieces):,}"
        raise CheckpointError(explain(_WHAT, expected=f"at most {_MARKERS} markers around a text", got=got))
    for part in parts:
        texts = sum("Sequence" in piece for piece in part.get("single", ()))
        if "single" in part and texts != 1:
            raise CheckpointError(explain(_WHAT, expected="markers around one text", got=f"around {texts}"))
    known = {name for part in parts for name in part.get("special_tokens", ())}
    named = {piece["SpecialToken"]["id"] for piece in pieces if "SpecialToken" in piece}
    if unknown := sorted(named - known):
        raise CheckpointError(explain(_WHAT, expected="markers with ids", got=f"{unknown[0]!r} without"))


def _unfamiliar(library: tokenizers.Tokenizer) -> Iterator[str]:
    for stage in (library.normalizer, library.pre_tokenizer, library.decoder):
        for part in _parts(_state(stage)):
            pattern = part.get("pattern")
            if isinstance(pattern, dict) and pattern.get("Regex", "") not in KNOWN:
                yield pattern["Regex"]


def _check_time(expression: str) -> None:
    """Give an expression rows of each character that it names, which nothing follows that it could want."""
    cut = pre_tokenizers.Split(Regex(expression), "isolated")
    for character in dict.fromkeys((*"aA 1.\n", *filter(str.isprintable, expression))):
        start = time.perf_counter()
        cut.pre_tokenize_str(character * 47 + "\x00")
        if time.perf_counter() - start > _PATIENCE:
            got = f"more for {expression[:80]!r}"
            raise CheckpointError(explain(_WHAT, expected=f"48 characters cut in {_PATIENCE} s", got=got))


def check_map(data: bytes) -> None:
    """Look at a character map before the library does, which a wrong size would abort.

    Raises:
        CheckpointError: it is none.
    """
    size = int.from_bytes(data[:4], "little")
    longest = max((len(entry) for entry in data[4 + size :].split(b"\0")), default=0)
    if len(data) < 4 or size % 4 or not 0 < size <= len(data) - 4 or longest > _ENTRY:
        got = f"{len(data):,} bytes, {size:,} of them said to be an index"
        raise CheckpointError(explain("the character map of a tokenizer", expected="an index and its texts", got=got))
