"""Tokenizer files on disk: Hugging Face's `tokenizer.json`, and the vocabularies that came before it."""

import json
from collections.abc import Mapping
from pathlib import Path

import tokenizers
from tokenizers import models

from eigenlm.errors import CheckpointError, explain
from eigenlm.files import VOCABULARY, regular, write_text
from eigenlm.text.added_tokens import add_tokens, read_json, read_settings
from eigenlm.text.library_errors import told, unheard
from eigenlm.text.tokenizer_classes import CLASSES, class_of, flagged_markers
from eigenlm.text.tokenizer_limits import check, check_ids, check_source

_GPT2_END = "<|endoftext|>"
PIECES = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
_BERT_NEEDS = ("unk_token", "cls_token", "sep_token")


class UnreadTokenizer(CheckpointError):
    """A tokenizer of a kind that is not read; the model beside it may be."""


def read(path: Path) -> tuple[tokenizers.Tokenizer, dict[str, str]]:
    """The library's tokenizer in a folder or file, and which token plays which part.

    Raises:
        CheckpointError: nothing of that kind is there, or it is damaged.
        UnreadTokenizer: one of another kind.
    """
    folder = path if path.is_dir() else path.parent
    names = {file.name for file in (folder.iterdir() if path.is_dir() else [path]) if file.is_file()}
    with told(f"reading a tokenizer from {path}", expected="a readable vocabulary", error=CheckpointError), unheard():
        if (found := _read(path, folder, names)) is not None:
            check(found[0])
            return found
    operation = f"reading a tokenizer from {path}"
    expected = "tokenizer.model, tokenizer.json, vocab.json with merges.txt, or vocab.txt"
    if "source.spm" in names:
        do = "give the ids of transformers' MarianTokenizer to the model"
        raise UnreadTokenizer(
            explain(operation, expected=expected, got="Marian's two, source.spm and target.spm", do=do)
        )
    got = "none of these" if path.exists() else "no such file or folder"
    raise CheckpointError(explain(operation, expected=expected, got=got))


def write(folder: Path, library: tokenizers.Tokenizer, roles: dict[str, str]) -> None:
    """Write `tokenizer.json` and the `tokenizer_config.json` with which transformers gives the same ids."""
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **roles}
    write_text(folder / "tokenizer.json", library.to_str())
    write_text(folder / "tokenizer_config.json", json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def _read(path: Path, folder: Path, names: set[str]) -> tuple[tokenizers.Tokenizer, dict[str, str]] | None:
    if "tokenizer.json" in names or (path.is_file() and path.suffix == ".json" and path.name != "vocab.json"):
        return _from_json(folder / "tokenizer.json" if path.is_dir() else path, folder)
    if "vocab.json" in names and (folder / "merges.txt").is_file():
        model = models.BPE.from_file(_small(folder / "vocab.json"), _small(folder / "merges.txt"))
        check_ids((folder / "vocab.json").read_text(encoding="utf-8"), tokenizers.Tokenizer(model))
        return _from_model(model, folder, "GPT2Tokenizer")
    for name in PIECES if path.is_dir() else [path.name] if path.suffix == ".model" else []:
        if name in names:
            from eigenlm.text.sentence_piece import from_sentence_pieces  # what reads them is imported for them alone

            return from_sentence_pieces(folder / name, folder)
    if "vocab.txt" in names:
        return _from_model(models.WordPiece.from_file(_small(folder / "vocab.txt")), folder, "BertTokenizer")
    return None


def _small(path: Path) -> str:
    return str(regular(path, most=VOCABULARY))


def _from_json(path: Path, folder: Path) -> tuple[tokenizers.Tokenizer, dict[str, str]]:
    source = regular(path, most=VOCABULARY).read_text(encoding="utf-8")
    check_source(source)
    file = tokenizers.Tokenizer.from_str(source)
    check_ids(source, file)
    settings = read_settings(folder)
    kind = class_of(settings, read_json(folder / "config.json"))
    if kind is CLASSES["LlamaTokenizer"] and '"ByteLevel"' in source:  # Llama 3 and others, which only call it so
        kind = None
    library, first, more = file, _unknown_of_pieces(file, source), []
    if kind is not None:
        model = _exact_pieces(source) if isinstance(file.model, models.Unigram) else file.model
        library, first, more = tokenizers.Tokenizer(model), kind.roles, kind.more(settings)
        library.normalizer = file.normalizer
        kind.dress(library, settings)
        library.post_processor = file.post_processor
    roles = add_tokens(library, folder, settings, file.get_added_tokens_decoder(), first, more)
    if kind is not None and kind.markers is not None:
        library.post_processor = kind.markers(library, roles, {})
    if roles.keys().isdisjoint(("eos_token", "sep_token")) and library.token_to_id(_GPT2_END) is not None:
        roles = {"bos_token": _GPT2_END, "eos_token": _GPT2_END} | roles
    return library, roles


def _exact_pieces(source: str) -> models.Unigram:
    """The library reads scores from JSON one unit in the last place off, which decides between cuts of equal score."""
    state = json.loads(source)["model"]
    return models.Unigram([(token, score) for token, score in state["vocab"]], state.get("unk_id"), False)


def _unknown_of_pieces(file: tokenizers.Tokenizer, source: str) -> Mapping[str, str]:
    unknown = json.loads(source)["model"].get("unk_id") if isinstance(file.model, models.Unigram) else None
    token = None if unknown is None else file.id_to_token(unknown)
    return {} if token is None else {"unk_token": token}


def _from_model(model: models.Model, folder: Path, usual: str) -> tuple[tokenizers.Tokenizer, dict[str, str]]:
    settings = read_settings(folder)
    kind = class_of(settings, read_json(folder / "config.json"))
    if kind is None or kind is CLASSES["LlamaTokenizer"]:
        kind = CLASSES[usual]
    library = tokenizers.Tokenizer(model)
    kind.dress(library, settings)
    roles = add_tokens(library, folder, settings, {}, kind.roles, kind.more(settings))
    if isinstance(model, models.WordPiece):
        for role in _BERT_NEEDS:
            if model.token_to_id(roles.get(role, "")) is None:
                expected = f"the {role} {roles.get(role)}"
                raise CheckpointError(explain("a WordPiece vocabulary", expected=expected, got="none"))
        model.unk_token = roles["unk_token"]
    library.post_processor = (kind.markers or flagged_markers)(library, roles, settings)
    return library, roles
