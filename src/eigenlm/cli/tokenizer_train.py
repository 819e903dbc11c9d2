"""`eigenlm tokenizer train`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from eigenlm.allowed import check_vocabulary
from eigenlm.cli.command import Command
from eigenlm.cli.options import Out, Text
from eigenlm.cli.output import print_json
from eigenlm.files import check_new
from eigenlm.terminal import say

_TIMES = 4  # the text, its words, and their counts
_AROUND = 128 << 20  # bytes of the parts that are encoded at once, and of modules imported late
_LEARNED = 105  # bytes that the library takes for each character of what it learns from at once
_MORE = 1 << 26  # characters of text that are read before more memory is asked for
_PART = 1 << 18  # characters that are encoded as one


@dataclass(frozen=True)
class TokenizerTrainCommand(Command):
    """Learn a vocabulary from text and write a folder that eigenlm and transformers open."""

    text: Text
    out: Out
    kind: Literal["bpe", "wordpiece", "unigram", "character"] = "bpe"
    """Byte-level byte pairs, BERT's word pieces, a unigram model, or single characters."""
    vocab_size: int = 8192
    """The most tokens, control tokens included."""
    control_tokens: tuple[str, ...] = ("<|endoftext|>",)
    """Tokens that no text can spell; the first begins and ends a text."""

    def check(self) -> None:
        """Refuse a vocabulary that is too small, and a folder that holds something."""
        check_vocabulary(self.kind, self.vocab_size, self.control_tokens)
        check_new(self.out)

    def run(self) -> None:
        """Train, write, and say how well the vocabulary packs its own text."""
        from eigenlm.files import whole_folder
        from eigenlm.text.reading import side_by_side
        from eigenlm.text.tokenizer_training import train_tokenizer

        documents = self._read()
        with whole_folder(self.out) as folder:
            tokenizer = train_tokenizer(self.kind, documents, self.vocab_size, self.control_tokens)
            tokenizer.save(folder)
        num_bytes = sum(len(document.encode()) for document in documents)
        num_tokens = sum(len(ids) for some in side_by_side(_parts(documents)) for ids in tokenizer.encode_batch(some))
        figures = {
            "out": self.out,
            "kind": self.kind,
            "vocab_size": tokenizer.vocab_size,
            "bytes_per_token": num_bytes / num_tokens,
        }
        if self.json:
            print_json(figures)
        else:
            say(f"{self.out}: {self.kind}, {tokenizer.vocab_size:,} tokens, {num_bytes / num_tokens:.2f} bytes a token")

    def _read(self) -> list[str]:
        """The documents; memory is asked for by the sizes of files, then where they hold more, and for long ones."""
        from eigenlm.machine.memory import check_memory
        from eigenlm.progress import track
        from eigenlm.text.corpus import read_documents
        from eigenlm.text.tokenizer_training import in_parts
        from eigenlm.text_files import text_files

        what, do = f"learning a vocabulary from {self.text}", "give less text"
        expected = sum(file.stat().st_size for file in text_files(self.text))
        check_memory(_TIMES * expected + _AROUND, None, what, do)
        documents, size = [], 0
        for document in track(read_documents(self.text), "reading"):
            documents.append(document)
            size += len(document)
            if size > expected:
                expected = size + _MORE
                check_memory(_TIMES * expected + _AROUND - size, None, what, do)
        longest = max(len(part) for document in documents for part in in_parts(self.kind, document))
        check_memory((_TIMES - 1) * size + max(_AROUND, _LEARNED * longest), None, what, do)
        return documents


def _parts(documents: list[str]) -> Iterator[str]:
    """Documents, cut where they are long: a cut changes a token or two of 100,000."""
    return (document[start : start + _PART] for document in documents for start in range(0, len(document), _PART))
