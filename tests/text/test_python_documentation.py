"""The text that is always there."""

import json
import re

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
    assert text["module re"].startswith(re.__doc__.strip()[:60]) if "module re" in text else True
    import textwrap

    assert textwrap.dedent.__doc__.strip().splitlines()[0] in text["module textwrap"]
    assert "topic if" in text
    assert json.__name__ == "json"  # a package: only single-file modules are read
    assert "module json" not in text
