"""The errors a user can cause, and the one way their messages are built."""

import difflib
from collections.abc import Collection, Sequence
from itertools import islice


class EigenError(ValueError):
    """Something the user gave cannot be used; the message is one line that says what to do."""


class ShapeError(EigenError):
    """A tensor has sizes that the operation cannot take."""


class ConfigError(EigenError):
    """A configuration or an option has a value that makes no model, plan or run."""


class CheckpointError(EigenError):
    """A model file or folder is missing, damaged, or of a kind that is not read."""


class DataError(EigenError):
    """Text or another input or output file cannot be used."""


class RankError(EigenError):
    """Another process of the run has ended before its time, and so ends this one."""


class RankToldError(RankError):
    """Another process of the run has ended, and has told or will tell the user why."""


_LOOKED_AT = 20_000  # words whose spelling is compared
# Controls but tab and new line, and what turns the direction of text: each becomes one sign that shows itself.
_SHOWN = {i: 0x2400 + i for i in range(32) if chr(i) not in "\t\n"} | {127: 0x2421}
_TURNING = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN |= dict.fromkeys((*range(0x80, 0xA0), *_TURNING), 0xFFFD)


def visible(text: str) -> str:
    r"""Text from a file that a terminal or a page may be given: with nothing in it that moves, colours or turns it.

    >>> visible("\x1b[31mred")
    '\u241b[31mred'
    """
    return text.translate(_SHOWN)


def explain(operation: str, *, expected: object, got: object, do: str = "") -> str:
    """One line for a user: the operation, what it expected, what came, and what to do about it.

    >>> explain("cosine similarity", expected="two vectors of one width", got="(3,) and (4,)")
    'cosine similarity: expected two vectors of one width, got (3,) and (4,)'
    """
    line = f"{operation}: expected {expected}, got {got}" + (f"; {do}" if do else "")
    return visible(" ".join(line.split()))


def counted(count: int, noun: str, many: str = "") -> str:
    """So many of something, in the singular for one.

    >>> counted(1, "layer"), counted(12_000, "layer"), counted(2, "matrix", "matrices")
    ('1 layer', '12,000 layers', '2 matrices')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def nearest(operation: str, name: object, known: Collection[str], what: str = "one of") -> str:
    """One line for a name that is none of those known; it asks whether the nearest of them was meant.

    >>> nearest("optimizer", "adamv", ["adamw", "muon"])
    "optimizer: expected one of adamw, muon, got 'adamv'; did you mean 'adamw'?"
    """
    return explain(operation, expected=f"{what} {', '.join(known)}", got=repr(name), do=did_you_mean(name, known))


def did_you_mean(name: object, known: Collection[str], otherwise: str = "") -> str:
    """A question that names the nearest of the known names, or `otherwise` where none is near.

    >>> did_you_mean("quary", ["query", "key"])
    "did you mean 'query'?"
    """
    written = {one.lower(): one for one in known}
    near = difflib.get_close_matches(str(name).lower(), written, n=1, cutoff=0.5)
    return f"did you mean {written[near[0]]!r}?" if near else otherwise


def near_spellings(word: str, known: Sequence[str], most: int = 3) -> str:
    """A question that names words spelled nearly so, those first that come early in `known`.

    >>> near_spellings("quean", ["king", "queen", "quest"])
    'did you mean queen or quest?'
    """
    alike = (one for one in known if one[:1] == word[:1] and abs(len(one) - len(word)) <= 2)
    candidates = list(islice(alike, _LOOKED_AT))
    near = sorted(difflib.get_close_matches(word, candidates, n=3 * most, cutoff=0.6), key=candidates.index)
    return f"did you mean {' or '.join(near[:most])}?" if near else ""
