"""What the tour reads: one part of the documents to plan by, the rest to judge by."""

from dataclasses import dataclass
from pathlib import Path

from eigenlm.errors import DataError, explain
from eigenlm.text.corpus import read_documents
from eigenlm.text.python_documentation import python_documentation


@dataclass(frozen=True)
class Texts:
    """Two disjoint sets of documents.

    Attributes:
        source: what they are.
        calibration: three documents of four, to measure activations on.
        held_out: every fourth, to measure the effect on.
    """

    source: str
    calibration: tuple[str, ...]
    held_out: tuple[str, ...]


def read_texts(path: Path | None) -> Texts:
    """The documents of a file or folder, or those inside Python, split so that none is in both parts.

    Fewer than four documents are cut as one text, three quarters before the rest.

    Raises:
        DataError: there is no text, or too little to split.
    """
    if path is None:
        documents = [document.text for document in python_documentation()]
        source = "the documentation inside Python itself"
    else:
        documents, source = list(read_documents(path)), str(path)
    if len(documents) < 4:
        whole = "\n\n".join(documents)
        cut = whole.rfind("\n", 0, len(whole) * 3 // 4)
        if cut <= 0:
            raise DataError(explain(f"reading {source}", expected="several lines or documents", got="one line"))
        return Texts(source, (whole[:cut],), (whole[cut:],))
    calibration = tuple(document for i, document in enumerate(documents) if i % 4 != 3)
    return Texts(source, calibration, tuple(documents[3::4]))
