"""`eigenlm tokenizer train`."""

from dataclasses import dataclass
from typing import Literal

from eigenlm.cli.options import Json, Out, Text
from eigenlm.cli.output import print_json
from eigenlm.terminal import say

_TIMES = 4  # the text, its words, and their counts


@dataclass(frozen=True)
class TokenizerTrainCommand:
    """Learn a vocabulary from text and write a folder that eigenlm and transformers open."""

    text: Text
    out: Out
    kind: Literal["bpe", "wordpiece", "unigram", "character"] = "bpe"
    """Byte-level byte pairs, BERT's word pieces, a unigram model, or single characters."""
    vocab_size: int = 8192
    """The most tokens, control tokens included."""
    control_tokens: tuple[str, ...] = ("<|endoftext|>",)
    """Tokens that no text can spell; the first begins and ends a text."""
    json: Json = False

    def run(self) -> None:
        """Train, write, and say how well the vocabulary packs its own text."""
        from eigenlm.files import whole_folder
        from eigenlm.machine.memory import check_memory
        from eigenlm.progress import track
        from eigenlm.text.corpus import read_documents, text_files
        from eigenlm.text.tokenizer_training import train_tokenizer

        size = sum(file.stat().st_size for file in text_files(self.text))
        check_memory(_TIMES * size, None, f"learning a vocabulary from {self.text}", "give less text")
        documents = list(track(read_documents(self.text), "reading"))
        with whole_folder(self.out) as folder:
            tokenizer = train_tokenizer(self.kind, documents, self.vocab_size, self.control_tokens)
            tokenizer.save(folder)
        num_bytes = sum(len(document.encode()) for document in documents)
        num_tokens = sum(len(tokenizer.encode(document)) for document in documents)
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
