"""What is asked of a space: sets of words, and the file that they come from."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eigenlm.errors import DataError, did_you_mean, explain
from eigenlm.files import read_toml

STANDARD = Path(__file__).with_name("queries.toml")
"""The ten tests of Caliskan and others 2017, one of pairs, and Bolukbasi's words of gender."""

_BRACKETS = re.compile(r"\s*\([^()]*\)$")


@dataclass(frozen=True, kw_only=True)
class WordList:
    """Words of a kind.

    Attributes:
        name: what they are.
        words: different words.
    """

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BiasQuery:
    """How groups of words stand to attributes.

    Attributes:
        name: of the query.
        targets: the groups.
        attributes: what a group may be nearer to than another.
        paired: the first two groups are pairs, word by word.
        source: where the words come from.
    """

    name: str
    targets: tuple[WordList, ...]
    attributes: tuple[WordList, ...]
    paired: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        operation = f"query {self.name!r}"
        if not self.targets or not self.attributes:
            raise DataError(explain(operation, expected="a set of targets and one of attributes", got="none of one"))
        seen: dict[str, str] = {}
        for group in (*self.targets, *self.attributes):
            if not group.words:
                raise DataError(explain(operation, expected=f"words in {group.name!r}", got="none"))
            for word in group.words:
                if word.lower() in seen:
                    got = f"{word!r} in {seen[word.lower()]!r} and in {group.name!r}"
                    raise DataError(explain(operation, expected="every word once", got=got))
                seen[word.lower()] = group.name
        if self.paired and (len(self.targets) != 2 or len(self.targets[0].words) != len(self.targets[1].words)):
            got = " and ".join(str(len(group.words)) for group in self.targets)
            raise DataError(explain(operation, expected="two sets of pairs, equally long", got=got))


@dataclass(frozen=True, kw_only=True)
class DebiasWords:
    """What is taken out of a space.

    Attributes:
        name: of the bias.
        pairs: words that differ in it, each pair in the same order.
        equalize: pairs that are to stand equally near to every other word.
        specific: words that keep what they mean.
    """

    name: str
    pairs: tuple[tuple[str, str], ...]
    equalize: tuple[tuple[str, str], ...] = ()
    specific: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class BiasQueries:
    """What a file asks.

    Attributes:
        queries: in the order of the file.
        templates: sentences with {word} in them, for encoders of sentences.
        debias: what can be taken out.
    """

    queries: tuple[BiasQuery, ...]
    templates: tuple[str, ...]
    debias: DebiasWords


def read_queries(path: Path = STANDARD) -> BiasQueries:
    """Read a file such as `queries.toml` beside this one, whose head says how it is written.

    A file without templates, or without words for debiasing, has those of the standard file.

    Raises:
        DataError: no file, no TOML, or content that is not as it says; in a line.
    """
    found = read_toml(path, DataError, expected='TOML such as flowers = ["rose", "lily"]')
    operation = f"queries of {path}"
    _known(found, ("sets", "query", "templates", "debias"), operation)
    sets = found.get("sets", {})
    if not isinstance(sets, dict):
        raise DataError(explain(operation, expected="a table [sets]", got=type(sets).__name__))
    words = {name: _words(listed, f"{operation}, set {name!r}") for name, listed in sets.items()}
    asked = found.get("query", [])
    if not isinstance(asked, list) or not asked or not all(isinstance(one, dict) for one in asked):
        raise DataError(explain(operation, expected="at least one [[query]]", got="none"))
    queries = tuple(_query(one, words, operation) for one in asked)
    if len({query.name for query in queries}) < len(queries):
        raise DataError(explain(operation, expected="a name for each query", got="one of them twice"))
    templates = _templates(found["templates"], operation) if "templates" in found else read_queries().templates
    debias = _debias(found["debias"], operation) if "debias" in found else read_queries().debias
    return BiasQueries(queries=queries, templates=templates, debias=debias)


def parse_query(said: str, name: str = "query") -> BiasQuery:
    """A query as it is typed: groups with / between them, ~, attributes likewise; commas between words.

    >>> query = parse_query("doctor, pilot / nurse, maid ~ he, him / she, her")
    >>> [group.words for group in query.targets], query.attributes[1].name
    ([('doctor', 'pilot'), ('nurse', 'maid')], 'she etc.')

    Raises:
        DataError: it is not written so.
    """
    sides = [[_typed(group) for group in side.split("/")] for side in said.split("~")]
    if len(sides) != 2 or not all(group.words for side in sides for group in side):
        do = "as in: doctor, pilot / nurse, maid ~ he, him / she, her"
        raise DataError(explain("a query", expected="groups ~ attributes", got=repr(said.strip()), do=do))
    return BiasQuery(name=name, targets=tuple(sides[0]), attributes=tuple(sides[1]))


def _typed(group: str) -> WordList:
    words = tuple(word.strip() for word in group.split(",") if word.strip())
    return WordList(name=" ".join([*words[:1], *(["etc."] if len(words) > 1 else [])]), words=words)


def _query(found: Mapping[str, Any], sets: Mapping[str, tuple[str, ...]], operation: str) -> BiasQuery:
    name = found.get("name")
    if not isinstance(name, str):
        raise DataError(explain(operation, expected="a name in every [[query]]", got=repr(name)))
    operation = f"{operation}, {name!r}"
    _known(found, ("name", "source", "targets", "attributes", "paired"), operation)
    if not isinstance(found.get("paired", False), bool):
        raise DataError(explain(f"{operation}, paired", expected="true or false", got=repr(found["paired"])))
    groups = {}
    for key in ("targets", "attributes"):
        groups[key] = tuple(_set(one, sets, f"{operation}, {key}") for one in _words(found.get(key), operation))
    source = str(found.get("source", ""))
    return BiasQuery(name=name, paired=found.get("paired", False), source=source, **groups)


def _set(name: str, sets: Mapping[str, tuple[str, ...]], operation: str) -> WordList:
    if name not in sets:
        do = did_you_mean(name, sets, "write its words under [sets]")
        raise DataError(explain(operation, expected="names of sets", got=repr(name), do=do))
    return WordList(name=_BRACKETS.sub("", name), words=sets[name])


def _debias(found: Any, operation: str) -> DebiasWords:
    operation = f"{operation}, [debias]"
    if not isinstance(found, dict):
        raise DataError(explain(operation, expected="a table", got=type(found).__name__))
    _known(found, ("name", "pairs", "equalize", "specific"), operation)
    pairs = _pairs(found.get("pairs"), operation)
    if not pairs:
        raise DataError(explain(operation, expected="pairs of words", got="none"))
    equalize = _pairs(found.get("equalize", []), operation)
    specific = frozenset(_words(found.get("specific", []), operation))
    return DebiasWords(name=str(found.get("name", "bias")), pairs=pairs, equalize=equalize, specific=specific)


def _pairs(listed: Any, operation: str) -> tuple[tuple[str, str], ...]:
    pairs = [_words(pair, operation) for pair in listed] if isinstance(listed, list) else [()]
    if not all(len(pair) == 2 for pair in pairs):
        raise DataError(explain(operation, expected='pairs such as [["man", "woman"]]', got=repr(listed)[:80]))
    return tuple((one, other) for one, other in pairs)


def _templates(listed: Any, operation: str) -> tuple[str, ...]:
    templates = _words(listed, f"{operation}, templates")
    if not templates or not all("{word}" in template for template in templates):
        raise DataError(explain(f"{operation}, templates", expected="{word} in every sentence", got=repr(listed)[:80]))
    return templates


def _words(listed: Any, operation: str) -> tuple[str, ...]:
    if not isinstance(listed, list) or not all(isinstance(word, str) and word.strip() for word in listed):
        got = "nothing" if listed is None else repr(listed)[:80]
        raise DataError(explain(operation, expected='a list such as ["rose", "lily"]', got=got))
    return tuple(listed)


def _known(found: Mapping[str, Any], names: Sequence[str], operation: str) -> None:
    for key in found:
        if key not in names:
            expected, do = f"only {', '.join(names)}", did_you_mean(key, names)
            raise DataError(explain(operation, expected=expected, got=repr(key), do=do))
