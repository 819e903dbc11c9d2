"""The senses of a word, as a section of an analysis: measured whenever a model with a tokenizer is run."""

from pathlib import Path

from eigenlm.analysis.section import Section
from eigenlm.analysis.senses.bank import BANK
from eigenlm.analysis.senses.findings import sense_findings
from eigenlm.analysis.senses.page import page
from eigenlm.analysis.senses.sentences import SenseSentences, read_senses
from eigenlm.analysis.senses.tables import sense_tables
from eigenlm.analysis.senses.word_senses import Senses, word_senses
from eigenlm.analysis.subject import Subject
from eigenlm.analysis.term import read_terms
from eigenlm.language_model import LanguageModel


def _read(given: SenseSentences | str | Path) -> SenseSentences:
    return given if isinstance(given, SenseSentences) else read_senses(given)


def _measure(subject: Subject) -> Senses | None:
    if subject.at_work is None or not isinstance(subject.running, LanguageModel):
        return None
    words = subject.asked.get("senses", BANK)
    return word_senses(subject.running, words.word, words.senses)


SECTION = Section[Senses](
    name="senses",
    title="Senses of a word",
    measure=_measure,
    read=_read,
    adds="--senses FILE",
    terms=read_terms("eigenlm.analysis.senses"),
    tables=sense_tables,
    findings=sense_findings,
    page=page,
)
