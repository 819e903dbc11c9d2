"""Tokenizer files on disk: Hugging Face's `tokenizer.json`, GPT-2's and BERT's vocabularies."""

import json
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from eigenlm.errors import CheckpointError, explain
from eigenlm.files import parse_json, write_text

ROLES = ("bos_token", "eos_token", "pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
BERT_ROLES = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
_GPT2_END = "<|endoftext|>"


def read(path: Path) -> tuple[tokenizers.Tokenizer, dict[str, str]]:
    """The library's tokenizer in a folder or file, and which token plays which part.

    Raises:
        CheckpointError: nothing of that kind is there, or it is damaged.
    """
    folder = path if path.is_dir() else path.parent
    names = {file.name for file in (folder.iterdir() if path.is_dir() else [path]) if file.is_file()}
    try:
        if "tokenizer.json" in names or (path.is_file() and path.suffix == ".json" and path.name != "vocab.json"):
            return _from_json(folder / "tokenizer.json" if path.is_dir() else path, folder)
        if "vocab.json" in names and (folder / "merges.txt").is_file():
            return _from_gpt2(folder)
        if "vocab.txt" in names:
            return _from_bert(folder / "vocab.txt", folder)
    except CheckpointError:
        raise
    except Exception as error:  # the Rust library raises nothing narrower
        raise CheckpointError(
            explain(f"reading a tokenizer from {path}", expected="a readable vocabulary", got=str(error)[:200])
        ) from error
    raise CheckpointError(
        explain(
            f"reading a tokenizer from {path}",
            expected="tokenizer.json, vocab.json with merges.txt, or vocab.txt",
            got="none of these" if path.exists() else "no such file or folder",
        )
    )


def write(folder: Path, library: tokenizers.Tokenizer, roles: dict[str, str]) -> None:
    """Write `tokenizer.json` and the `tokenizer_config.json` with which transformers gives the same ids."""
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **roles}
    write_text(folder / "tokenizer.json", library.to_str())
    write_text(folder / "tokenizer_config.json", json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, empty where there is no such file.

    Raises:
        CheckpointError: the file is not a JSON object.
    """
    try:
        values = parse_json(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise CheckpointError(explain(f"reading {path}", expected="JSON", got=str(error))) from error
    if not isinstance(values, dict):
        raise CheckpointError(explain(f"reading {path}", expected="a JSON object", got=type(values).__name__))
    return values


def _from_json(path: Path, folder: Path) -> tuple[tokenizers.Tokenizer, dict[str, str]]:
    source = path.read_text(encoding="utf-8")
    library = tokenizers.Tokenizer.from_str(source)
    roles = _roles(folder)
    if isinstance(library.model, models.Unigram):
        unknown = library.id_to_token(json.loads(source)["model"].get("unk_id") or 0)
        roles = {"unk_token": unknown or ""} | roles
    if roles.keys().isdisjoint(("eos_token", "sep_token")) and library.token_to_id(_GPT2_END) is not None:
        roles = {"bos_token": _GPT2_END, "eos_token": _GPT2_END} | roles
    return library, roles


def _from_gpt2(folder: Path) -> tuple[tokenizers.Tokenizer, dict[str, str]]:
    model = models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    library = tokenizers.Tokenizer(model)
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    roles = {"bos_token": _GPT2_END, "eos_token": _GPT2_END} | _roles(folder)
    library.add_special_tokens(
        [token for token in dict.fromkeys(roles.values()) if library.token_to_id(token) is not None]
    )
    return library, roles


def _from_bert(path: Path, folder: Path) -> tuple[tokenizers.Tokenizer, dict[str, str]]:
    roles = BERT_ROLES | _roles(folder)
    vocab = {token: i for i, token in enumerate(path.read_text(encoding="utf-8").rstrip("\n").split("\n"))}
    lowercase = read_json(folder / "tokenizer_config.json").get("do_lower_case", True)
    return wordpiece(vocab, roles, lowercase=lowercase), roles


def wordpiece(vocab: dict[str, int], roles: dict[str, str], *, lowercase: bool) -> tokenizers.Tokenizer:
    """BERT's tokenizer on a vocabulary with `##` continuations.

    Raises:
        CheckpointError: a token that BERT needs is not in the vocabulary.
    """
    for role in ("unk_token", "cls_token", "sep_token"):
        if roles[role] not in vocab:
            raise CheckpointError(explain("a WordPiece vocabulary", expected=f"the token {roles[role]}", got="none"))
    library = tokenizers.Tokenizer(models.WordPiece(vocab=vocab, unk_token=roles["unk_token"]))
    library.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.decoder = decoders.WordPiece()
    library.post_processor = processors.BertProcessing(
        (roles["sep_token"], vocab[roles["sep_token"]]), (roles["cls_token"], vocab[roles["cls_token"]])
    )
    library.add_special_tokens([token for token in dict.fromkeys(roles.values()) if token in vocab])
    return library


def _roles(folder: Path) -> dict[str, str]:
    """Roles named in the files beside a tokenizer, as plain strings."""
    named = read_json(folder / "special_tokens_map.json") | read_json(folder / "tokenizer_config.json")
    plain = {role: token.get("content") if isinstance(token, dict) else token for role, token in named.items()}
    return {role: token for role, token in plain.items() if role in ROLES and isinstance(token, str)}
