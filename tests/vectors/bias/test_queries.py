from pathlib import Path

import pytest

from eigenlm.errors import DataError
from eigenlm.vectors.bias.queries import STANDARD, parse_query, read_queries

GOOD = """
[sets]
"x (one)" = ["a", "b"]
y = ["c", "d"]
f = ["e"]
[[query]]
name = "q"
targets = ["x (one)", "y"]
attributes = ["f"]
paired = true
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "queries.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_standard_file_has_the_ten_tests_with_their_numbers_of_words():
    found = read_queries()
    sizes = {one.name: [len(group.words) for group in (*one.targets, *one.attributes)] for one in found.queries}
    # Caliskan, Bryson and Narayanan 2017, table 1.
    assert sizes == {
        "WEAT 1": [25, 25, 25, 25],
        "WEAT 2": [25, 25, 25, 25],
        "WEAT 3": [32, 32, 25, 25],
        "WEAT 4": [16, 16, 25, 25],
        "WEAT 5": [16, 16, 8, 8],
        "WEAT 6": [8, 8, 8, 8],
        "WEAT 7": [8, 8, 8, 8],
        "WEAT 8": [8, 8, 8, 8],
        "WEAT 9": [6, 6, 7, 7],
        "WEAT 10": [8, 8, 8, 8],
        "gender": [8, 8, 8, 8],
    }
    assert all(one.source for one in found.queries)
    assert len(found.debias.pairs) == 10
    assert all("{word}" in template for template in found.templates)


def test_a_file_of_ones_own_has_the_standard_rest(tmp_path):
    found = read_queries(written(tmp_path, GOOD))
    [query] = found.queries
    assert [group.name for group in query.targets] == ["x", "y"]
    assert query.paired
    assert found.debias == read_queries(STANDARD).debias
    own = read_queries(written(tmp_path, GOOD + '[debias]\npairs = [["a", "c"]]\nspecific = ["e"]\n'))
    assert (own.debias.pairs, own.debias.equalize, own.debias.specific) == ((("a", "c"),), (), {"e"})
    assert own.templates == found.templates


BAD = [
    ("sets = [", 'expected TOML such as flowers = ["rose", "lily"]'),
    pytest.param("sets = " + 10_000 * "[", "got lists in lists, too deep to be read", id="deep"),
    ("", "expected at least one [[query]], got none"),
    ("sets = 3\n[[query]]\nname='q'", "expected a table [sets], got int"),
    (GOOD.replace('["e"]', "[]"), "expected words in 'f', got none"),
    (GOOD.replace('["e"]', '["e", 3]'), "set 'f'"),
    (GOOD.replace('["e"]', '["A"]'), "expected every word once, got 'A' in 'x' and in 'f'"),
    (GOOD.replace('["c", "d"]', '["c"]'), "expected two sets of pairs, equally long, got 2 and 1"),
    (GOOD.replace('targets = ["x (one)", "y"]', 'targets = ["x", "y"]'), "got 'x'; write its words under [sets]"),
    (GOOD.replace("paired = true", 'paired = "yes"'), "expected true or false, got 'yes'"),
    (GOOD.replace("paired", "pairs"), "got 'pairs'; did you mean 'paired'?"),
    (GOOD.replace('name = "q"', ""), "expected a name in every [[query]]"),
    (GOOD + GOOD.partition("[[query]]")[1] + GOOD.partition("[[query]]")[2], "one of them twice"),
    (GOOD.replace('attributes = ["f"]', "attributes = []"), "a set of targets and one of attributes"),
    (GOOD + '[debias]\npairs = [["a"]]', "expected pairs such as"),
    (GOOD + "[debias]\npairs = []", "expected pairs of words, got none"),
    ('templates = ["no place"]\n' + GOOD, "expected {word} in every sentence"),
    ("tempaltes = []\n" + GOOD, "did you mean 'templates'?"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=lambda text: text[-30:])
def test_bad_files_are_told_in_a_line(text, said, tmp_path):
    with pytest.raises(DataError) as told:
        read_queries(written(tmp_path, text))
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_no_file_is_told(tmp_path):
    with pytest.raises(DataError, match="expected a file"):
        read_queries(tmp_path / "none.toml")
    with pytest.raises(DataError, match="expected a file"):
        read_queries(tmp_path)


@pytest.mark.parametrize("said", ["a, b", "a ~", "~ a", "a / ~ b", "a ~ b ~ c", ""])
def test_typed_queries_have_two_sides(said):
    with pytest.raises(DataError, match="expected groups ~ attributes"):
        parse_query(said)
