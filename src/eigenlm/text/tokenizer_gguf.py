"""The tokenizer that a GGUF file carries in its metadata, read into the library's form and written back."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, processors

from eigenlm.errors import CheckpointError, explain
from eigenlm.text.library_errors import told, unheard
from eigenlm.text.pre_tokenizers import BEGUN, CHARACTERS, COMPOSED, WHOLE_WORDS, byte_level, name_of
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_classes import between_cls_and_sep, dress_words

# tokenizer.ggml.token_type
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6
_ROLE_KEYS = {
    "bos_token": "bos_token_id",
    "eos_token": "eos_token_id",
    "pad_token": "padding_token_id",
    "unk_token": "unknown_token_id",
    "cls_token": "cls_token_id",
    "sep_token": "seperator_token_id",  # spelled so in the format
    "mask_token": "mask_token_id",
}
_BERT_IDS = {"pad_token": 0, "unk_token": 100, "cls_token": 101, "sep_token": 102, "mask_token": 103}
_WORD_START = "▁"
_PIECE = 512  # characters; the longest that SentencePiece trains
_MERGED = 1 << 24  # characters of all merges, which the library copies; those of Gemma's 262,144 tokens are 3 million


def tokenizer_from_gguf(metadata: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer of a GGUF file.

    Args:
        metadata: the file's `tokenizer.ggml.*` keys with plain Python values; `model` is `gpt2` (byte-level BPE),
            `gemma4` (BPE of characters), `llama` (SentencePiece BPE with byte fallback) or `bert` (WordPiece).

    Raises:
        CheckpointError: a key is missing or damaged, or the kind of tokenizer is not known.
    """
    fields = {key.removeprefix("tokenizer.ggml."): value for key, value in metadata.items()}
    builders: dict[str, Callable[..., tokenizers.Tokenizer]] = {"gpt2": _gpt2, "llama": _llama, "bert": _bert}
    kind = fields.get("model")
    if kind == "gemma4":
        kind, fields["pre"] = "gpt2", "gemma4"
    if kind not in builders:
        expected = "gpt2, gemma4, llama or bert"
        raise CheckpointError(explain("the tokenizer of a GGUF file", expected=expected, got=repr(kind)))
    tokens: Sequence[str] = fields.get("tokens") or ()
    types = fields.get("token_type") or [_NORMAL] * len(tokens)
    if not tokens or len(types) != len(tokens):
        got = f"{len(tokens)} tokens and {len(types)} types"
        raise CheckpointError(explain("the tokenizer of a GGUF file", expected="tokens, each with its type", got=got))
    if kind == "bert":
        tokens = [_from_phantom(token) for token in tokens]
    roles = _roles(fields, tokens, kind)
    with told("the tokenizer of a GGUF file", expected="tokens and merges that fit", error=CheckpointError), unheard():
        library = builders[kind](fields, tokens, roles)
    added = {_CONTROL: True, _USER_DEFINED: False}
    library.add_tokens(
        [
            AddedToken(token, special=added[type], normalized=False)
            for token, type in zip(tokens, types)
            if type in added and token
        ]
    )
    return Tokenizer(library, roles)


def gguf_metadata(tokenizer: Tokenizer) -> dict[str, Any]:
    """The `tokenizer.ggml.*` keys with which a GGUF file carries this tokenizer.

    Raises:
        CheckpointError: GGUF has no name for this kind of tokenizer.
    """
    state = json.loads(tokenizer.library.to_str())
    kind, fields = _kind_and_fields(tokenizer, state)
    ids = {key: tokenizer.id(tokenizer.roles[role]) for role, key in _ROLE_KEYS.items() if role in tokenizer.roles}
    if kind == "bert":
        ids |= {"bos_token_id": tokenizer.bos, "eos_token_id": tokenizer.eos}
    marked = tokenizer.encode("", add_markers=True)
    return {
        "tokenizer.ggml.model": kind,
        **{f"tokenizer.ggml.{key}": value for key, value in (fields | ids).items()},
        "tokenizer.ggml.add_bos_token": marked[:1] == [tokenizer.bos],
        "tokenizer.ggml.add_eos_token": marked[-1:] == [tokenizer.eos],
    }


def _gpt2(fields: Mapping[str, Any], tokens: Sequence[str], roles: Mapping[str, str]) -> tokenizers.Tokenizer:
    name = fields.get("pre") or "default"
    cut = byte_level(name)
    merges = [tuple(pair.split(" ", 1)) for pair in fields.get("merges") or ()]
    vocab = {token: i for i, token in enumerate(tokens)}
    options: dict[str, Any] = {"ignore_merges": name in WHOLE_WORDS}
    if name in CHARACTERS and name != "whitespace":
        options = {"byte_fallback": True, "fuse_unk": True, "unk_token": roles.get("unk_token")}
    library = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=merges, **options))
    library.pre_tokenizer = cut
    if name not in CHARACTERS:
        library.normalizer = normalizers.NFC() if name in COMPOSED else None
        library.decoder = decoders.ByteLevel()
    elif name != "whitespace":
        library.normalizer = normalizers.Replace(" ", _WORD_START)
        library.decoder = _character_decoder()
    begins = fields.get("add_bos_token", name in BEGUN)
    _add_markers(library, tokens, roles, begins=begins, ends=fields.get("add_eos_token", False))
    return library


def _llama(fields: Mapping[str, Any], tokens: Sequence[str], roles: Mapping[str, str]) -> tokenizers.Tokenizer:
    scores = fields.get("scores") or ()
    if len(scores) != len(tokens):
        got = f"{len(tokens)} tokens and {len(scores)} scores"
        raise CheckpointError(explain("a SentencePiece vocabulary", expected="a score for every token", got=got))
    types = fields.get("token_type") or [_NORMAL] * len(tokens)
    spelled = {
        token: score
        for token, score, type in zip(tokens, scores, types)
        if type in (_NORMAL, _UNUSED) or (type == _USER_DEFINED and len(token) <= _PIECE)
    }
    if (longest := max(map(len, spelled), default=0)) > _PIECE:
        raise CheckpointError(
            explain("a SentencePiece vocabulary", expected=f"pieces of at most {_PIECE} characters", got=longest)
        )
    vocab = {token: i for i, token in enumerate(tokens)}
    library = tokenizers.Tokenizer(
        models.BPE(
            vocab=vocab,
            merges=_merges_from_scores(spelled, vocab),
            unk_token=roles.get("unk_token"),
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    prefix = [normalizers.Prepend(_WORD_START)] if fields.get("add_space_prefix", True) else []
    library.normalizer = normalizers.Sequence([*prefix, normalizers.Replace(" ", _WORD_START)])
    library.decoder = _character_decoder(*[decoders.Strip(" ", 1, 0)] if prefix else [])
    begins, ends = fields.get("add_bos_token", True), fields.get("add_eos_token", False)
    _add_markers(library, tokens, roles, begins=begins, ends=ends)
    return library


def _character_decoder(*last: decoders.Decoder) -> decoders.Decoder:
    return decoders.Sequence([decoders.Replace(_WORD_START, " "), decoders.ByteFallback(), decoders.Fuse(), *last])


def _bert(fields: Mapping[str, Any], tokens: Sequence[str], roles: Mapping[str, str]) -> tokenizers.Tokenizer:
    vocab = {token: i for i, token in enumerate(tokens)}
    library = tokenizers.Tokenizer(models.WordPiece(vocab=vocab))
    dress_words(library, {"do_lower_case": fields.get("normalizer.lowercase", True), "unk_token": roles["unk_token"]})
    library.add_special_tokens([token for token in dict.fromkeys(roles.values()) if token in vocab])
    library.post_processor = between_cls_and_sep(library, roles, {})
    return library


def _from_phantom(token: str) -> str:
    """llama.cpp marks where words begin (`▁`); BERT marks where they go on (`##`)."""
    if token.startswith(_WORD_START):
        return token.removeprefix(_WORD_START)
    return token if _bracketed(token) else "##" + token


def _to_phantom(token: str) -> str:
    if token.startswith("##"):
        return token.removeprefix("##")
    return token if _bracketed(token) else _WORD_START + token


def _bracketed(token: str) -> bool:
    return token.startswith("[") and token.endswith("]")


def _merges_from_scores(scores: Mapping[str, float], vocab: Mapping[str, int]) -> list[tuple[str, str]]:
    """Every cut of a token into two tokens, the best-scored product first, as SentencePiece merges."""
    own = {token: token for token in scores}  # one string for each, however many merges name it
    ranked = sorted((token for token in scores if len(token) > 1), key=lambda token: (-scores[token], vocab[token]))
    merges, characters = [], 0
    for token in ranked:
        for cut in range(1, len(token)):
            if (left := own.get(token[:cut])) is not None and (right := own.get(token[cut:])) is not None:
                merges.append((left, right))
                characters += len(token)
        if characters > _MERGED:
            got = f"more up to a piece of {len(token)} characters"
            raise CheckpointError(explain("a SentencePiece vocabulary", expected=f"merges of {_MERGED:,}", got=got))
    return merges


def _add_markers(
    library: tokenizers.Tokenizer, tokens: Sequence[str], roles: Mapping[str, str], *, begins: bool, ends: bool
) -> None:
    bos = [roles["bos_token"]] if begins and "bos_token" in roles else []
    eos = [roles["eos_token"]] if ends and "eos_token" in roles else []
    if bos or eos:
        library.post_processor = processors.TemplateProcessing(
            single=[*bos, "$A", *eos], special_tokens=[(token, tokens.index(token)) for token in {*bos, *eos}]
        )


def _roles(fields: Mapping[str, Any], tokens: Sequence[str], kind: str) -> dict[str, str]:
    ids = {role: fields[key] for role, key in _ROLE_KEYS.items() if fields.get(key) is not None}
    if kind == "bert":
        bos, sep = ids.pop("bos_token", 101), ids.pop("eos_token", 102)
        ids = _BERT_IDS | {"cls_token": bos, "sep_token": sep} | ids
    for role, i in ids.items():
        if not 0 <= i < len(tokens):
            raise CheckpointError(explain(f"the {role} of a GGUF file", expected=f"an id below {len(tokens)}", got=i))
    return {role: tokens[i] for role, i in ids.items()}


def _kind_and_fields(tokenizer: Tokenizer, state: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    library, model = tokenizer.library, state["model"]
    tokens = [library.id_to_token(i) or f"[PAD{i}]" for i in range(tokenizer.vocab_size)]
    types = _types(tokenizer, tokens)
    if model["type"] == "WordPiece":
        lowercase = bool((state["normalizer"] or {}).get("lowercase"))
        fields = {"tokens": [_to_phantom(token) for token in tokens], "normalizer.lowercase": lowercase}
        return "bert", fields | {"token_type": types, "pre": "default"}
    if model["type"] == "BPE":
        pairs = [tuple(pair.split(" ", 1)) if isinstance(pair, str) else tuple(pair) for pair in model["merges"]]
        if model["byte_fallback"]:
            prefix = len(library.normalizer.normalize_str("a") if library.normalizer else "a") > 1
            scores = _scores_from_merges(pairs, tokens)
            return "llama", {"tokens": tokens, "scores": scores, "token_type": types, "add_space_prefix": prefix}
        name = name_of(library.pre_tokenizer) if library.pre_tokenizer else None
        if name is not None:
            merges = [" ".join(pair) for pair in pairs]
            return "gpt2", {"tokens": tokens, "merges": merges, "token_type": types, "pre": name}
    raise CheckpointError(
        explain(
            "writing the tokenizer to GGUF",
            expected="byte-level BPE with a known pre-tokenizer, SentencePiece BPE or WordPiece",
            got=model["type"],
            do="write a Hugging Face folder instead",
        )
    )


def _types(tokenizer: Tokenizer, tokens: Sequence[str]) -> list[int]:
    types = {
        i: _CONTROL if t.special else _USER_DEFINED for i, t in tokenizer.library.get_added_tokens_decoder().items()
    }
    if tokenizer.unknown is not None and getattr(tokenizer.library.model, "byte_fallback", False):
        types[tokenizer.unknown] = _UNKNOWN
    known = tokenizer.library.id_to_token

    def default(i: int, token: str) -> int:
        if known(i) is None:
            return _UNUSED
        return _BYTE if len(token) == 6 and token.startswith("<0x") and token.endswith(">") else _NORMAL

    return [types.get(i) or default(i, token) for i, token in enumerate(tokens)]


def _scores_from_merges(merges: Sequence[Sequence[str]], tokens: Sequence[str]) -> list[float]:
    """Scores that fall with the rank of the merge that makes a token; tokens that no merge makes come last."""
    rank: dict[str, int] = {}
    for pair in merges:
        rank.setdefault("".join(pair), len(rank))
    return [-float(rank.get(token, len(rank))) for token in tokens]
