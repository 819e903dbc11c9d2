"""Tokenizer folders of many shapes, read here and by transformers' AutoTokenizer: ids, markers, text, roles.

python benchmarks/tokenizer_folders.py [--strings 300] [--only NAME]
"""

import argparse
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import tokenizers
import transformers
from record import record
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, trainers

from eigenlm.text import Tokenizer

CORPUS = [topics[name] for name in sorted(topics)[:40]] + [
    "Ein schöner Tag, naïve café, Ünïcödé; 12345 67 2024. 日本語の文 и русский текст, العربية, 한국어 🤖👍🏽 " * 20,
    "IT'S it's WE'LL we'll don't DON'T\n\n\n\tmatrix   of    rank 7 777\r\n" * 20,
]
ROLES = ("bos_token", "eos_token", "pad_token", "unk_token")
_SPOKEN = "the matrix of rank 12345 café cafe\u0301 naïve IT'S we'll  \n\n  日本語 русский العربية 한국어 🤖 👍🏽 🇩🇪 ﷺ"
PIECES = [
    *"aZé 9½٣ßﬁŁΩЖ中語한ก़́\u200d\u00a0\u3000\t\n\r\u0000\u200b\ufeff.,!?'\"<>|[]#▁_-",
    *_SPOKEN.split(" "),
    *(" the", " of", "  ", "    ", "\r\n", "\n\n\n", "ﷺ", "[UNK]", "[SEP]", "[MASK]", "[PAD]", "<s>", "</s>", "<unk>"),
    *("<pad>", "<mask>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "COVID-19", "Hessian"),
    *("cosine", "<bos>", "<eos>", "<|turn|>", "<extra_id_0>", "<0x41>", "##s", "<BOS_TOKEN>", "<|padding|>", "<image>"),
]
WORDS = [
    AddedToken("COVID-19", special=False),
    AddedToken("Hessian", special=False, normalized=False),
    AddedToken("cosine", special=False, normalized=False, single_word=True),
    AddedToken("<think>", special=False, normalized=False),
    AddedToken("<|turn|>", special=True, lstrip=True, rstrip=True, normalized=False),
]
SHAPES: dict[str, Callable[[Path], None]] = {}


def strings(count: int) -> list[str]:
    """Texts in which anything stands beside anything."""
    draw = random.Random(9)
    joined = ["".join(draw.choice(PIECES) for _ in range(draw.randint(1, 14))) for _ in range(count - 12)]
    return ["", " ", "\n", "a", " a ", "  \u0301", *PIECES[-3:], *(text[:200] for text in CORPUS[-3:]), *joined]


def shape(build: Callable[[Path], None]) -> Callable[[Path], None]:
    """Enter a shape under its function's name."""
    SHAPES[build.__name__] = build
    return build


def write(path: Path, value: Any) -> None:
    """Write JSON."""
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def byte_bpe(special: list[str], size: int = 900) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of bytes."""
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return _learn(made, trainers.BpeTrainer, special, size, sorted(pre_tokenizers.ByteLevel.alphabet()))


def character_bpe(special: list[str], size: int = 900) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of characters, `▁` for a space, bytes first."""
    made = tokenizers.Tokenizer(models.BPE())
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    return _learn(made, trainers.BpeTrainer, [*special, *(f"<0x{byte:02X}>" for byte in range(256))], size, [])


def words(special: list[str], size: int = 900) -> dict[str, int]:
    """Vocabulary of words and their continuations."""
    made = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return _learn(made, trainers.WordPieceTrainer, special, size, [])[0]


def pieces(special: list[str], size: int = 600) -> list[tuple[str, float]]:
    """Vocabulary of a unigram model."""
    made = tokenizers.Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False)
    made.train_from_iterator(CORPUS, trainer)
    return [tuple(entry) for entry in json.loads(made.to_str())["model"]["vocab"]]


def _learn(made: Any, trainer: Any, special: list[str], size: int, alphabet: list[str]) -> Any:
    options = {"vocab_size": size, "special_tokens": special, "initial_alphabet": alphabet, "show_progress": False}
    made.train_from_iterator(CORPUS, trainer(**options))
    model = json.loads(made.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model.get("merges", [])]


def old(here: Path, special: list[str], settings: dict, model_type: str, added: dict[str, int] | None = None) -> None:
    """vocab.json, merges.txt and what stood beside them before tokenizer.json."""
    vocab, merges = byte_bpe(special)
    write(here / "vocab.json", vocab)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (here / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _beside(here, settings, model_type, added and {token: len(vocab) + i for token, i in added.items()})


def old_words(here: Path, special: list[str], settings: dict, model_type: str, added: dict | None = None) -> None:
    """vocab.txt and what stood beside it."""
    vocab = words(special)
    (here / "vocab.txt").write_text("\n".join(sorted(vocab, key=vocab.__getitem__)) + "\n", encoding="utf-8")
    _beside(here, settings, model_type, added and {token: len(vocab) + i for token, i in added.items()})


def _beside(here: Path, settings: dict, model_type: str, added: dict[str, int] | None) -> None:
    write(here / "tokenizer_config.json", settings)
    write(here / "config.json", {"model_type": model_type})
    if added:
        write(here / "added_tokens.json", added)


def saved(here: Path, made: Any, model_type: str, **settings: Any) -> None:
    """What save_pretrained writes, with more settings where a shape asks for them."""
    made.save_pretrained(here)
    write(here / "config.json", {"model_type": model_type})
    path = here / "tokenizer_config.json"
    write(path, json.loads(path.read_text(encoding="utf-8")) | settings)


END, BERT = ["<|endoftext|>"], ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
LLAMA, GEMMA = ["<unk>", "<s>", "</s>"], ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]


SHAPES |= {
    "gpt2_saved": lambda here: saved(here, transformers.GPT2Tokenizer(*byte_bpe(END)), "gpt2"),
    "gpt2_saved_prefix_space": lambda here: saved(
        here, transformers.GPT2Tokenizer(*byte_bpe(END)), "gpt2", add_prefix_space=True
    ),
    "gpt2_old": lambda here: old(here, END, {"tokenizer_class": "GPT2Tokenizer"}, "gpt2"),
    "gpt2_old_named_by_its_model": lambda here: old(here, END, {"add_prefix_space": True}, "gpt2"),
    "gpt2_old_begin_and_end": lambda here: old(
        here, END, {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "add_eos_token": True}, "gpt2"
    ),
    "roberta_saved": lambda here: saved(here, transformers.RobertaTokenizer(*byte_bpe(ROBERTA)), "roberta"),
    "roberta_old_prefix_space": lambda here: old(
        here, ROBERTA, {"tokenizer_class": "RobertaTokenizerFast", "add_prefix_space": True}, "roberta"
    ),
    "bart_old": lambda here: old(
        here, ROBERTA, {"tokenizer_class": "BartTokenizer"}, "bart", {"COVID-19": 0, "Hessian": 1}
    ),
    "bert_saved": lambda here: saved(here, transformers.BertTokenizer(words(BERT)), "bert"),
    "bert_saved_turned_cased": lambda here: saved(
        here, transformers.BertTokenizer(words(BERT)), "bert", do_lower_case=False
    ),
    "bert_old": lambda here: old_words(here, BERT, {"tokenizer_class": "BertTokenizer"}, "bert"),
    "electra_old_named_by_its_model": lambda here: old_words(here, BERT, {"do_lower_case": False}, "electra"),
    "mpnet_saved": lambda here: saved(
        here, transformers.MPNetTokenizer(words(["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"])), "mpnet"
    ),
    "qwen2_saved": lambda here: saved(here, transformers.Qwen2Tokenizer(*byte_bpe(END)), "qwen2"),
    "qwen2_old": lambda here: old(
        here, END, {"tokenizer_class": "Qwen2Tokenizer"}, "qwen2", {"<|im_start|>": 0, "<|im_end|>": 1}
    ),
    "qwen2_declared_llama": lambda here: saved(
        here, transformers.Qwen2Tokenizer(*byte_bpe(END)), "qwen2", tokenizer_class="LlamaTokenizerFast"
    ),
    "qwen3_5_saved": lambda here: saved(here, transformers.Qwen3_5Tokenizer(*byte_bpe(END)), "qwen3_5"),
    "gpt_neox_saved": lambda here: saved(
        here, transformers.GPTNeoXTokenizer(*byte_bpe([*END, "<|padding|>"])), "gpt_neox"
    ),
    "gpt_neox_old_begin": lambda here: old(
        here, END, {"tokenizer_class": "GPTNeoXTokenizer", "add_bos_token": True}, "gpt_neox"
    ),
    "cohere_saved": lambda here: saved(
        here, transformers.CohereTokenizer(*byte_bpe(["<PAD>", "<UNK>", "<BOS_TOKEN>"])), "cohere"
    ),
    "llama_saved": lambda here: saved(
        here, transformers.LlamaTokenizer(*character_bpe(LLAMA), add_bos_token=True), "llama"
    ),
    "llama_saved_legacy": lambda here: saved(
        here, transformers.LlamaTokenizer(*character_bpe(LLAMA)), "llama", legacy=True
    ),
    "gemma_saved": lambda here: saved(
        here, transformers.GemmaTokenizer(*character_bpe(GEMMA), add_bos_token=True), "gemma2"
    ),
    "t5_saved": lambda here: saved(here, transformers.T5Tokenizer(pieces(["<pad>", "</s>", "<unk>"])), "t5"),
    "xlm_roberta_saved": lambda here: saved(
        here, transformers.XLMRobertaTokenizer(pieces(["<s>", "<pad>", "</s>", "<unk>"])), "xlm-roberta"
    ),
}


@shape
def gpt2_saved_added_words(here: Path) -> None:
    made = transformers.GPT2Tokenizer(*byte_bpe(END), pad_token="<pad>")
    made.add_tokens(WORDS)
    saved(here, made, "gpt2")


@shape
def gpt2_saved_many_control_tokens(here: Path) -> None:
    more = ["<|im_start|>", "<|im_end|>"]
    saved(
        here, transformers.GPT2Tokenizer(*byte_bpe(END), additional_special_tokens=more), "gpt2", image_token="<image>"
    )


@shape
def gpt2_old_added_tokens_json(here: Path) -> None:
    settings = {"tokenizer_class": "GPT2Tokenizer", "pad_token": "<pad>"}
    old(here, END, settings, "gpt2", {"COVID-19": 1, "<pad>": 0, "<|turn|>": 2})


@shape
def gpt2_old_special_tokens_map(here: Path) -> None:
    old(here, [*END, "<|im_end|>"], {"tokenizer_class": "GPT2Tokenizer", "eos_token": "<|endoftext|>"}, "gpt2")
    added = {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": True}
    special = {"eos_token": "<|im_end|>", "mask_token": added, "additional_special_tokens": ["<|im_start|>", "<image>"]}
    write(here / "special_tokens_map.json", special)


@shape
def opt_old(here: Path) -> None:
    roles = {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"}
    old(here, ["<s>", "<pad>", "</s>"], {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, **roles}, "opt")


@shape
def roberta_old(here: Path) -> None:
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False}
    old(here, ROBERTA, {"tokenizer_class": "RobertaTokenizer", "mask_token": mask}, "roberta")


@shape
def bert_saved_added_words(here: Path) -> None:
    made = transformers.BertTokenizer(words(BERT), do_lower_case=True)
    made.add_tokens(WORDS)
    saved(here, made, "bert")


@shape
def bert_old_accents_kept(here: Path) -> None:
    flags = {"do_lower_case": True, "strip_accents": False}
    old_words(here, BERT, {"tokenizer_class": "BertTokenizer", **flags}, "bert", {"COVID-19": 0, "<|turn|>": 1})


@shape
def bert_old_cased_accents_gone_chinese_whole(here: Path) -> None:
    flags = {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}
    old_words(here, BERT, {"tokenizer_class": "DistilBertTokenizer", **flags}, "distilbert")


@shape
def qwen2_old_added_tokens_decoder(here: Path) -> None:
    flags = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
    tokens = [("<|im_start|>", True), ("<|im_end|>", True), ("<think>", False), ("</think>", False)]
    listed = {
        str(900 + i): {"content": token, "special": special, **flags} for i, (token, special) in enumerate(tokens)
    }
    roles = {"eos_token": "<|im_end|>", "bos_token": None, "additional_special_tokens": ["<|im_start|>"]}
    old(here, END, {"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": listed, **roles}, "qwen2")


@shape
def llama_saved_no_space(here: Path) -> None:
    made = transformers.LlamaTokenizer(*character_bpe(LLAMA), add_prefix_space=False, add_eos_token=True)
    made.add_tokens(WORDS)
    saved(here, made, "llama", add_bos_token=False)


@shape
def llama_of_bytes(here: Path) -> None:
    special = ["<|endoftext|>", "<|im_end|>"]
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=_of_bytes(special), eos_token="<|im_end|>")
    saved(here, made, "llama", tokenizer_class="LlamaTokenizerFast")


@shape
def mistral_declared_llama(here: Path) -> None:
    library = tokenizers.Tokenizer(models.BPE(*character_bpe(LLAMA), byte_fallback=True, fuse_unk=True))
    library.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=library, bos_token="<s>", eos_token="</s>")
    saved(here, made, "mistral", tokenizer_class="LlamaTokenizer")


@shape
def any_saved_added_words(here: Path) -> None:
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=_of_bytes(LLAMA), bos_token="<s>", eos_token="</s>")
    made.add_tokens(WORDS)
    made.add_special_tokens({"pad_token": "<pad>", "additional_special_tokens": ["<|im_start|>"]})
    saved(here, made, "olmo2", extra_special_tokens={"image_token": "<image>"})


@shape
def any_bare(here: Path) -> None:
    _of_bytes(LLAMA).save(str(here / "tokenizer.json"))
    write(here / "special_tokens_map.json", {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"})
    write(here / "config.json", {"model_type": "llama"})


def _of_bytes(special: list[str]) -> tokenizers.Tokenizer:
    library = tokenizers.Tokenizer(models.BPE(*byte_bpe(special)))
    library.pre_tokenizer, library.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    library.add_special_tokens(special)
    return library


def differences(here: Path, texts: list[str]) -> Iterator[tuple[str, Any, Any]]:
    """What differs between the two readings, with its right value first."""
    theirs, ours = transformers.AutoTokenizer.from_pretrained(here), Tokenizer.load(here)
    ids = {role: getattr(theirs, f"{role}_id") for role in ROLES}
    yield from ((role, ids[role], ours._role(role)) for role in ROLES if ids[role] != ours._role(role))
    if len(theirs) != len(ours.library.get_vocab()):
        yield "size", len(theirs), len(ours.library.get_vocab())
    for text in texts:
        for markers in (False, True):
            right = theirs(text, add_special_tokens=markers).input_ids
            got = ours.encode(text, control=True, add_markers=markers)
            if right != got:
                yield f"ids of {text!r}", right, got
            spoken = (theirs.decode(right), theirs.decode(right, skip_special_tokens=True))
            heard = (ours.decode(right, control=True), ours.decode(right))
            if spoken != heard:
                yield f"text of {text!r}", spoken, heard


def main() -> None:
    """Build every shape, read it twice, count the strings on which all agrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strings", type=int, default=300)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    texts, found = strings(arguments.strings), {}
    for name in [arguments.only] if arguments.only else SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            SHAPES[name](Path(folder))
            wrong = list(differences(Path(folder), texts))
        found[name] = len(wrong)
        print(f"{name:45}{len(wrong)} differences", *(f"\n  {what}: {right} / {got}" for what, right, got in wrong[:2]))
    if not arguments.only:
        figures = {"shapes": len(found), "strings": len(texts), "differences": found, "total": sum(found.values())}
        record("tokenizer_folders", figures)


if __name__ == "__main__":
    main()
