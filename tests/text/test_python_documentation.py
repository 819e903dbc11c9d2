"""The text that is always there."""

import inspect
import pydoc_data.topics
import textwrap

from eigenlm.text.python_documentation import python_documentation


def test_it_is_a_megabyte_of_text_the_same_every_time():
    documents = python_documentation()
    assert sum(len(document.text.encode()) for document in documents) > 1_000_000
    assert python_documentation() is documents
    python_documentation.cache_clear()
    assert python_documentation() == documents
    assert len({document.name for document in documents}) == len(documents)


def test_docstrings_are_what_the_modules_say_of_themselves():
    text = {document.name: document.text for document in python_documentation()}
    for said in (textwrap.__doc__, textwrap.dedent.__doc__, textwrap.TextWrapper.wrap.__doc__):
        assert inspect.cleandoc(said) in text["module textwrap"]
    assert text["topic if"] == pydoc_data.topics.topics["if"]
