"""Files of Hugging Face, GPT-2 and BERT, against transformers."""

import json
import shutil

import pytest
import tokenizers
import transformers

from eigenlm.errors import CheckpointError
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_training import train_tokenizer

from .conftest import CONTROL, CORPUS


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram", "character"])
def test_a_saved_folder_gives_the_same_ids_here_and_in_transformers(tmp_path, kind):
    tokenizer = train_tokenizer(kind, CORPUS, 400, CONTROL)
    tokenizer.save(tmp_path)
    again, theirs = Tokenizer.load(tmp_path), transformers.AutoTokenizer.from_pretrained(tmp_path)
    # The library reads a unigram model's scores back one unit in the last place off.
    assert kind == "unigram" or again.fingerprint == tokenizer.fingerprint
    assert again.roles == tokenizer.roles
    for text in [*CORPUS, "unseen Ж words 123"]:
        assert again.encode(text) == tokenizer.encode(text)
        assert theirs(text)["input_ids"] == tokenizer.encode(text, control=True, add_markers=True)
    assert theirs.convert_tokens_to_ids(theirs.eos_token or theirs.sep_token) == tokenizer.eos


def test_gpt2_files(tmp_path, bpe):
    state = json.loads(bpe.library.to_str())["model"]
    (tmp_path / "vocab.json").write_text(json.dumps(state["vocab"]), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in state["merges"])]
    (tmp_path / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tokenizer = Tokenizer.load(tmp_path)
    assert [tokenizer.encode(text) for text in CORPUS] == [bpe.encode(text) for text in CORPUS]
    assert tokenizer.eos == tokenizer.bos == 0


TEXTS = [
    *CORPUS,
    "rank 2024, cafe\u0301 IT'S  the\n\n\nmatrix",
    " COVID-19<|turn|>möchte[PAD] 中文<|endoftext|> <think>x</think>",
    "",
]
WORD = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
TURN = {"content": "<|turn|>", "special": True, **WORD}
LISTED = {"added_tokens_decoder": {"400": {"content": "<think>", "special": False, **WORD}, "401": TURN}}
OLD = [
    ("gpt2", {}, {}),
    ("gpt2", {"tokenizer_class": "GPT2TokenizerFast", "add_prefix_space": True, "pad_token": "[PAD]"}, {}),
    ("gpt2", {"add_bos_token": True, "eos_token": "<|im_end|>"}, {"added_tokens.json": {"COVID-19": 400}}),
    (
        "gpt2",
        {"eos_token": "<|im_end|>"},
        {"special_tokens_map.json": {"eos_token": "<|im_start|>", "unk_token": TURN}},
    ),
    ("gpt2", LISTED | {"eos_token": "<|turn|>"}, {"special_tokens_map.json": {"eos_token": "<|im_start|>"}}),
    ("opt", {"additional_special_tokens": ["<|turn|>"], "image_token": "<image>"}, {}),
    ("roberta", {"tokenizer_class": "RobertaTokenizer", "mask_token": TURN | {"__type": "AddedToken"}}, {}),
    ("qwen2", {"tokenizer_class": "LlamaTokenizerFast", **LISTED}, {}),
    ("qwen3", {"bos_token": None}, {}),
    ("gpt_neox", {"add_eos_token": True}, {}),
]


def _same_as_transformers(folder):
    ours, theirs = Tokenizer.load(folder), transformers.AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        for markers in (False, True):
            ids = theirs(text, add_special_tokens=markers).input_ids
            assert ours.encode(text, control=True, add_markers=markers) == ids
            assert ours.decode(ids, control=True) == theirs.decode(ids)
    roles = ("bos", "eos", "pad", "unk")
    named = {"bos": theirs.bos_token_id, "eos": theirs.eos_token_id, "pad": theirs.pad_token_id}
    assert {role: ours._role(f"{role}_token") for role in roles} == named | {"unk": theirs.unk_token_id}
    assert ours.vocab_size == len(theirs)


@pytest.mark.parametrize(("family", "settings", "files"), OLD)
@pytest.mark.parametrize("whole", [False, True])
def test_what_stands_beside_a_vocabulary_counts_as_in_transformers(tmp_path, bpe, family, settings, files, whole):
    state = json.loads(bpe.library.to_str())
    if whole:
        bpe.library.save(str(tmp_path / "tokenizer.json"))
    else:
        _write(tmp_path / "vocab.json", state["model"]["vocab"])
        (tmp_path / "merges.txt").write_text("\n".join(map(" ".join, state["model"]["merges"])), encoding="utf-8")
    for name, value in {"tokenizer_config.json": settings, "config.json": {"model_type": family}, **files}.items():
        _write(tmp_path / name, value)
    _same_as_transformers(tmp_path)


@pytest.mark.parametrize(
    "flags",
    [
        {"do_lower_case": True, "strip_accents": False},
        {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False},
        {"unk_token": "möchte", "added_tokens_decoder": {"9": TURN}},
    ],
)
def test_flags_of_bert(tmp_path, flags):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "möchte", "mochte", "matrix", "中文", "中"]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    _write(tmp_path / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", **flags})
    _write(tmp_path / "config.json", {"model_type": "bert"})
    _same_as_transformers(tmp_path)


@pytest.mark.parametrize("settings", [{}, {"legacy": True}, {"add_prefix_space": False}])
def test_llamas_spaces(tmp_path, settings):
    vocab = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁abcdefghijklmnopqrstuvwxyz"]
    model = tokenizers.models.BPE({token: i for i, token in enumerate([*vocab, "▁r"])}, [("▁", "r")])
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(model), eos_token="</s>")
    made.save_pretrained(tmp_path)
    _write(tmp_path / "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, **settings})
    _write(tmp_path / "config.json", {"model_type": "llama"})
    _same_as_transformers(tmp_path)


def test_scores_of_pieces_are_exact(tmp_path):
    # The library alone reads some of them one unit in the last place off, and ties are then cut otherwise.
    words = ["<s>", "<pad>", "</s>", "<unk>", "▁", *(f"{a}{b}" for a in "abcdefgh" for b in ("", *"abcdefgh"))]
    pieces = [(word, -1 / (3 + place)) for place, word in enumerate(words)]
    transformers.XLMRobertaTokenizer(pieces).save_pretrained(tmp_path)
    _write(tmp_path / "config.json", {"model_type": "xlm-roberta"})
    ours, theirs = Tokenizer.load(tmp_path), transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert [tuple(piece) for piece in json.loads(ours.library.to_str())["model"]["vocab"]] == pieces
    assert ours.encode("abcab habc", add_markers=True) == theirs("abcab habc").input_ids


def test_a_panic_of_the_library_is_one_clear_line(tmp_path, bpe):
    state = json.loads(train_tokenizer("bpe", ["=" * 64 + "\n" * 9] * 40, 300).library.to_str())
    del state["model"]["vocab"][max(state["model"]["vocab"], key=len)]
    _write(tmp_path / "tokenizer.json", state)
    with pytest.raises(CheckpointError, match="expected a readable vocabulary"):
        Tokenizer.load(tmp_path)


def _write(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")


def test_minilm_from_either_of_its_files(minilm, tmp_path):
    theirs = transformers.AutoTokenizer.from_pretrained(minilm)
    whole = Tokenizer.load(minilm)
    shutil.copy(minilm / "vocab.txt", tmp_path)
    from_words = Tokenizer.load(tmp_path)
    long = " ".join(CORPUS * 8)  # beyond the 128 tokens at which the file would truncate
    for text in [*CORPUS, long, "[SEP] is text"]:
        assert from_words.encode(text, add_markers=True) == whole.encode(text, add_markers=True)
    assert whole.encode(long, add_markers=True) == theirs(long, truncation=False)["input_ids"]
    assert (whole.bos, whole.eos, whole.pad, whole.unknown) == (101, 102, 0, 100)
    assert 102 not in whole.encode("[SEP] is text")


@pytest.mark.parametrize(
    ("name", "text"),
    [("tokenizer.json", "{"), ("tokenizer.json", "[]"), ("tokenizer.json", '{"model": 1}'), ("vocab.txt", "a\nb\n")],
)
def test_a_damaged_file_is_one_clear_line(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(CheckpointError) as caught:
        Tokenizer.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_config_beside_it(tmp_path, bpe):
    bpe.save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"tokenizer_config.json: expected JSON"):
        Tokenizer.load(tmp_path)


def test_a_missing_one_says_what_was_looked_for(tmp_path):
    with pytest.raises(CheckpointError, match=r"tokenizer.json, vocab.json with merges.txt, or vocab.txt, got none"):
        Tokenizer.load(tmp_path)
    with pytest.raises(CheckpointError, match="no such file or folder"):
        Tokenizer.load(tmp_path / "absent")
