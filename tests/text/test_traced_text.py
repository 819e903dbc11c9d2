"""Text with marks: each operation gives what `str` gives, and a character keeps its mark wherever it goes."""

import markupsafe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigenlm.text.template_sandbox import _STRING_METHODS
from eigenlm.text.traced_text import Traced, by_user, escaped, safe, traced

# The template writes small letters and the user capital ones, so a character tells by itself who wrote it.
letters = st.text("aAbB \n", max_size=12)


def marked(text):
    return Traced(text, bytes(c.isupper() for c in text))


def told(found):
    """What an operation gave as plain text, its marks checked; white space may be anyone's."""
    if isinstance(found, (list, tuple)):
        return type(found)(map(told, found))
    assert isinstance(found, Traced)
    assert len(found.marks) == len(found)
    assert all(mark == c.isupper() for c, mark in zip(str.__str__(found), found.marks) if not c.isspace())
    return str.__str__(found)


OPERATIONS = {
    "+": lambda t, a, b: [t + a, a + t, t + str.__str__(b).lower(), "a" + t],
    "*": lambda t, a, b: [t * 3, 2 * t, t * 0],
    "[]": lambda t, a, b: [t[1:], t[::-2], t[-3:-1], *(t[i] for i in range(-len(t), len(t))), *t, *reversed(t)],
    "join": lambda t, a, b: [t.join([a, b, a]), t.join([]), t.join("ab")],
    "split": lambda t, a, b: [t.split(), t.split(None, 1), t.split(a or "a"), t.split("aA", 1)],
    "rsplit": lambda t, a, b: [t.rsplit(), t.rsplit(None, 1), t.rsplit("Aa"), t.rsplit(a or "a", 1)],
    "splitlines": lambda t, a, b: [t.splitlines(), t.splitlines(True), t.splitlines(keepends=True)],
    "partition": lambda t, a, b: [t.partition(a or "a"), t.rpartition(a or "a"), t.partition("A"), t.rpartition("B")],
    "strip": lambda t, a, b: [t.strip(), t.lstrip(), t.rstrip(), t.strip("aA"), t.lstrip(a), t.rstrip("B ")],
    "remove": lambda t, a, b: [t.removeprefix("a"), t.removesuffix("A"), t.removeprefix(t), (t + a).removesuffix(a)],
    "replace": lambda t, a, b: [t.replace("a", b), t.replace("A", "b", 1), t.replace("aA", a), t.replace(" ", "")],
}


@pytest.mark.parametrize("name", OPERATIONS)
@given(text=letters, a=letters, b=letters)
def test_operations_give_what_str_gives_and_keep_marks(name, text, a, b):
    assert told(OPERATIONS[name](marked(text), marked(a), marked(b))) == OPERATIONS[name](text, a, b)


def test_changes_of_case_keep_marks_where_characters_stay_in_place():
    text = Traced("aBß", b"\0\1\0")
    assert [
        (change().marks, change() == plain())
        for change, plain in ((text.lower, "aBß".lower), (text.title, "aBß".title))
    ] == [
        (b"\0\1\0", True),
        (b"\0\1\0", True),
    ]
    assert text.upper() == "ABSS"
    assert text.upper().marks == b"\1" * 4  # one letter became two
    assert Traced("aß", b"\0\0").upper().marks == b"\0" * 3
    assert Traced("ab", b"\0\1").replace("", "-").marks == b"\1" * 5


def test_every_method_that_templates_may_call_keeps_marks():
    other = {name for name in _STRING_METHODS if name not in vars(Traced)}
    arguments = dict.fromkeys(("count", "endswith", "find", "index", "rfind", "rindex", "startswith"), ("a",))
    assert all(isinstance(getattr("a", name)(*arguments.get(name, ())), (bool, int)) for name in other)


def test_what_was_called_safe_escapes_what_is_added():
    plain, text = markupsafe.Markup("<b>"), safe(Traced("<b>", b"\0\1\0"))
    assert text + "it's" == plain + "it's"
    assert "it's" + text == "it's" + plain
    assert text + safe("<") == plain + markupsafe.Markup("<")
    assert (text + by_user("<")).marks == b"\0\1\0" + b"\1" * 4
    assert escaped(text) is text


def test_plain_data_becomes_the_users_and_other_objects_their_names():
    given_ = by_user({"a": [1, 2.5, None, True, ("b", object())]})
    assert given_ == {"a": [1, 2.5, None, True, ("b", "<object>")]}
    assert next(iter(given_)).marks == given_["a"][4][0].marks == b"\1"
    assert traced("x", given_).marks == b"\1"
    assert traced("x", iter([])).marks == b"\1"  # what it will give is not known
    assert traced("x", {"a": ["b", 1]}).marks == b"\0"
