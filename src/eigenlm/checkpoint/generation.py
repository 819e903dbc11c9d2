"""What a model's files say of its use: how an answer begins and ends, what it never holds, how texts become vectors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.checkpoint.sentence_vectors import SentenceVectors, read_sentence_vectors
from eigenlm.config import from_dict
from eigenlm.errors import ConfigError, explain

_FILE = "generation_config.json"


@dataclass(frozen=True, kw_only=True)
class Generation:
    """Facts about the use of a model that neither its weights nor its tokenizer hold.

    Attributes:
        start: what the decoder of an encoder-decoder reads before an answer (`decoder_start_token_id`).
        first: the token every answer begins with (`forced_bos_token_id`), None for any.
        last: the token every answer ends with, even one that is cut off (`forced_eos_token_id`), None for any.
        never: tokens that no answer holds (`suppress_tokens`, and `bad_words_ids` of one token, as Marian's padding).
        ends: tokens that end an answer, besides the tokenizer's own (`eos_token_id`, one or several).
        vectors: how texts become vectors, None where nothing is said.
    """

    start: int | None = None
    first: int | None = None
    last: int | None = None
    never: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    vectors: SentenceVectors | None = None


def read_generation(folder: Path, values: Mapping[str, Any]) -> Generation:
    """What a Hugging Face folder says, in its generation_config.json before its config.json; both name end tokens.

    Raises:
        ConfigError: something that is no token.
    """
    path = folder / _FILE
    special = read_json_object(path) if path.is_file() else {}
    said = {**values, **{key: value for key, value in special.items() if value is not None}}
    ends = [end for place in (values, special) for end in _listed(place.get("eos_token_id"))]
    words, never = said.get("bad_words_ids") or [], said.get("suppress_tokens") or []
    if not isinstance(words, list) or not isinstance(never, list):
        raise ConfigError(explain(f"generation in {folder}", expected="lists of tokens", got=words or never))
    alone = [word[0] for word in words if isinstance(word, list) and len(word) == 1]
    facts = {
        "start": said.get("decoder_start_token_id"),
        "first": said.get("forced_bos_token_id"),
        "last": said.get("forced_eos_token_id"),
        "never": [*never, *alone],
        "ends": [end for end in dict.fromkeys(ends) if end != -1],  # some write -1 for none
    }
    generation = from_dict(Generation, {name: _only(value, name) for name, value in facts.items()}, str(folder))
    return replace(generation, vectors=read_sentence_vectors(folder, values))


def write_generation(folder: Path, generation: Generation, tokens: Mapping[str, int | None]) -> None:
    """Write generation_config.json where there is something to say.

    Args:
        folder: where.
        generation: what to say.
        tokens: `bos_token_id` and the like, which transformers then looks for in the same file.
    """
    if replace(generation, vectors=None) == Generation():
        return
    facts = {
        **tokens,
        "eos_token_id": end_tokens(generation, tokens.get("eos_token_id")) or None,
        "decoder_start_token_id": generation.start,
        "forced_bos_token_id": generation.first,
        "forced_eos_token_id": generation.last,
        "bad_words_ids": [[token] for token in generation.never] or None,
    }
    said = {key: value for key, value in facts.items() if value is not None}
    (folder / _FILE).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def end_tokens(generation: Generation, eos: int | None) -> list[int]:
    """Every token that ends an answer: what the files say, and the tokenizer's `eos`."""
    return sorted({*generation.ends, *_listed(eos)})


def _listed(tokens: Any) -> list[Any]:
    return tokens if isinstance(tokens, list) else [] if tokens is None else [tokens]


def _only(value: Any, name: str) -> Any:
    """Transformers also takes a list of one token for a token."""
    return value[0] if name not in ("never", "ends") and isinstance(value, list) and len(value) == 1 else value
