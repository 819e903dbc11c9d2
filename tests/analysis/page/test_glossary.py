import re

from eigenlm.analysis.page.words import all_terms, glossary

GLOSSARY, TERMS = glossary(), all_terms()


def test_every_term_is_defined_in_a_sentence_and_once():
    assert sum(map(len, GLOSSARY.values())) == len(TERMS)
    for key, term in TERMS.items():
        assert term.label, key
        assert len(term.definition) > 20, key
        assert term.definition.endswith((".", ")")), key


def test_labels_tell_terms_apart():
    labels = [term.label for term in TERMS.values()]
    assert len(labels) == len(set(labels)), {label for label in labels if labels.count(label) > 1}
    assert not [label for label in labels if re.search(r"[<>&]", label)]
