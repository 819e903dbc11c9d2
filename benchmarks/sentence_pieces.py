"""SentencePiece models as families keep them, read here, by transformers' AutoTokenizer and by sentencepiece itself.

python benchmarks/sentence_pieces.py [--strings 300] [--only NAME]

Ids of texts, with and without markers, and the texts of ids. The models are trained here, on Python's documentation.
"""

import argparse
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sentencepiece
import transformers
from record import installed, record
from tokenizer_folders import CORPUS, strings, write

from eigenlm.text import Tokenizer

LLAMA = {"model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity", "split_digits": True}
SPACES = {"remove_extra_whitespaces": False, "allow_whitespace_only_pieces": True}
GEMMA = {"add_dummy_prefix": False, "pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3}
TURNS = {"control_symbols": ["<start_of_turn>", "<end_of_turn>"], "user_defined_symbols": ["<mask>", "▁▁", "▁▁▁"]}
T5 = {"model_type": "unigram", "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A folder: how its model is trained, what stands beside it, and who else reads it rightly."""

    trained: dict[str, Any]
    file: str = "tokenizer.model"
    settings: dict[str, Any] = field(default_factory=dict)
    model_type: str = "llama"
    in_transformers: bool = True
    in_sentencepiece: bool = False


SHAPES = {
    "llama": Shape(trained=LLAMA | SPACES, settings={"tokenizer_class": "LlamaTokenizer", "add_bos_token": True}),
    "llama_legacy": Shape(
        trained=LLAMA | SPACES,
        settings={"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": True},
    ),
    "llama_no_prefix": Shape(
        trained=LLAMA | SPACES, settings={"tokenizer_class": "LlamaTokenizerFast", "add_prefix_space": False}
    ),
    "llama_with_words": Shape(
        trained=LLAMA | SPACES | {"user_defined_symbols": ["<think>", "COVID-19"]},
        settings={"tokenizer_class": "LlamaTokenizer", "add_eos_token": True, "pad_token": "[PAD]"},
    ),
    "gemma": Shape(
        trained=LLAMA | SPACES | GEMMA | TURNS,
        settings={"tokenizer_class": "GemmaTokenizer", "add_bos_token": True},
        model_type="gemma",
    ),
    "gemma_plain": Shape(
        trained=LLAMA | SPACES | GEMMA,
        settings={"tokenizer_class": "GemmaTokenizer", "add_bos_token": True},
        model_type="gemma2",
        in_sentencepiece=True,
    ),
    "t5": Shape(trained=T5, file="spiece.model", settings={"tokenizer_class": "T5Tokenizer"}, model_type="t5"),
    "t5_few_blanks": Shape(
        trained=T5 | {"normalization_rule_name": "identity"},
        file="spiece.model",
        settings={"extra_ids": 5},
        model_type="t5",
    ),
    "mt5": Shape(
        trained=T5 | {"byte_fallback": True}, file="spiece.model", settings={"extra_ids": 0}, model_type="mt5"
    ),
    "xlm_roberta": Shape(
        trained={"model_type": "unigram"}, file="sentencepiece.bpe.model", settings={}, model_type="xlm-roberta"
    ),
    "xlm_roberta_named": Shape(
        trained={"model_type": "unigram", "normalization_rule_name": "nfkc"},
        file="sentencepiece.bpe.model",
        settings={"tokenizer_class": "XLMRobertaTokenizer", "mask_token": "<mask>"},
        model_type="xlm-roberta",
    ),
    "camembert": Shape(
        trained={"model_type": "unigram"}, file="sentencepiece.bpe.model", settings={}, model_type="camembert"
    ),
    "mistral": Shape(
        trained=LLAMA | SPACES,
        settings={"tokenizer_class": "LlamaTokenizer", "add_bos_token": True},
        model_type="mistral",
        in_transformers=False,
        in_sentencepiece=True,
    ),
    "own_unigram": Shape(
        trained={"model_type": "unigram"}, model_type="", in_transformers=False, in_sentencepiece=True
    ),
    "own_unigram_no_prefix": Shape(
        trained={"model_type": "unigram", "add_dummy_prefix": False, "byte_fallback": True},
        model_type="",
        in_transformers=False,
        in_sentencepiece=True,
    ),
    "own_bpe": Shape(trained={"model_type": "bpe"}, model_type="", in_transformers=False, in_sentencepiece=True),
    "own_characters": Shape(
        trained={"model_type": "char"}, model_type="", in_transformers=False, in_sentencepiece=True
    ),
}


def trained(options: dict[str, Any]) -> bytes:
    """A small model of SentencePiece."""
    written = io.BytesIO()
    lines = [line for text in CORPUS for line in text.splitlines() if line.strip()]
    common = {
        "vocab_size": 900,
        "hard_vocab_limit": False,
        "character_coverage": 0.998,
        "minloglevel": 2,
        "num_threads": 1,
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=written,
        **common,
        **options,
    )
    return written.getvalue()


def folder_of(here: Path, shape: Shape) -> None:
    """Write a shape."""
    (here / shape.file).write_bytes(trained(shape.trained))
    write(here / "tokenizer_config.json", shape.settings)
    write(here / "config.json", {"model_type": shape.model_type} if shape.model_type else {})


def differences(here: Path, shape: Shape, texts: Sequence[str]) -> dict[str, list[str]]:
    """The texts that another reader of the folder reads otherwise."""
    ours = Tokenizer.load(here)
    found: dict[str, list[str]] = {}
    if shape.in_transformers:
        theirs = transformers.AutoTokenizer.from_pretrained(here)
        found["transformers"] = [text for text in texts if not same(ours, theirs, text)]
        roles = {role: getattr(theirs, role) for role in ("bos_token", "eos_token", "pad_token", "unk_token")}
        found["transformers"] += [role for role, token in roles.items() if ours.roles.get(role) != token]
    if shape.in_sentencepiece:
        processor = sentencepiece.SentencePieceProcessor(str(here / shape.file))
        found["sentencepiece"] = [text for text in texts if not same_pieces(ours, processor, text)]
    return found


def same(ours: Tokenizer, theirs: Any, text: str) -> bool:
    """Whether ids, with and without markers, and their texts are equal."""
    for markers in (False, True):
        ids = theirs(text, add_special_tokens=markers).input_ids
        if ours.encode(text, control=True, add_markers=markers) != ids:
            return False
    return ours.decode(ids, control=True) == theirs.decode(ids)


def same_pieces(ours: Tokenizer, processor: sentencepiece.SentencePieceProcessor, text: str) -> bool:
    """Whether ids are equal, and their text where all of it is known; it writes ` ⁇ ` for what is not."""
    ids = processor.encode(text)
    return ours.encode(text) == ids and (ours.unknown in ids or ours.decode(ids) == processor.decode(ids))


def main() -> None:
    """Compare and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strings", type=int, default=300)
    parser.add_argument("--only")
    args = parser.parse_args()
    texts, found = strings(args.strings), {}
    for name in [args.only] if args.only else SHAPES:
        with tempfile.TemporaryDirectory() as here:
            folder_of(Path(here), SHAPES[name])
            differ = differences(Path(here), SHAPES[name], texts)
        found[name] = {peer: len(wrong) for peer, wrong in differ.items()}
        print(name, found[name], *(sorted(wrong, key=len)[:2] for wrong in differ.values()), flush=True)
    if not args.only:
        figures = {"shapes": len(found), "strings": len(texts), "differences": found}
        record("sentence_pieces", {"peers": {"sentencepiece": installed("sentencepiece")}, **figures})


if __name__ == "__main__":
    main()
