"""How a sentence encoder makes the vector of a text: the files of sentence-transformers beside its weights."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.config import from_dict
from eigenlm.errors import CheckpointError, ConfigError, explain
from eigenlm.model.pooling import Pooling

_MODULES = "modules.json"
_FLAGS: dict[Pooling, str] = {
    "cls": "pooling_mode_cls_token",
    "last": "pooling_mode_lasttoken",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len": "pooling_mode_mean_sqrt_len_tokens",
    "weighted_mean": "pooling_mode_weightedmean_tokens",
}
_NEW_NAMES: dict[str, Pooling] = {
    "lasttoken": "last",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
    "weightedmean": "weighted_mean",
}
_GGUF: tuple[Pooling | None, ...] = (None, "mean", "cls", "last")  # llama.cpp's pooling_type
_SAME = ("Transformer", "Pooling", "Normalize", "Dropout")


@dataclass(frozen=True, kw_only=True)
class SentenceVectors:
    """What is done to a text before its tokens' vectors, and to these after.

    Attributes:
        pooling: how the vectors of the tokens become one; those of several ways are put side by side.
        normalize: to length 1.
        max_length: the most tokens of a text, markers among them, that are read; None for a text that must fit whole.
        lowercase: first, whatever the tokenizer does.
        prompts: texts by name, one of which may be put before each text.
        default_prompt: the name of the one that is put there if none is asked for.
        pool_prompt: whether the prompt's tokens count in pooling.
        others: modules that follow and are not computed.
    """

    pooling: tuple[Pooling, ...] = ("mean",)
    normalize: bool = True
    max_length: int | None = None
    lowercase: bool = False
    prompts: dict[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    pool_prompt: bool = True
    others: tuple[str, ...] = ()


def read_sentence_vectors(folder: Path, values: Mapping[str, Any]) -> SentenceVectors | None:
    """What modules.json and the files it names say; None where there is none.

    Args:
        folder: the model's, which may be one of the modules' own.
        values: its config.json.

    Raises:
        CheckpointError: a file is damaged.
        ConfigError: a length that is none.
    """
    whole = next((place for place in (folder, folder.parent) if transformer_in(place) == folder), None)
    if whole is None:
        return None
    paths = _modules(whole)
    pooling = _read(paths.get("Pooling", whole / "1_Pooling") / "config.json")
    text = next(filter(None, map(_read, sorted(folder.glob("sentence_*_config.json")))), {})
    about = _read(whole / "config_sentence_transformers.json")
    most = values.get("max_position_embeddings")
    longest = text.get("max_seq_length") or _read(folder / "tokenizer_config.json").get("model_max_length")
    prompts = about.get("prompts") or {}
    facts = {
        "pooling": _ways(pooling, folder),
        "normalize": "Normalize" in paths,
        "max_length": int(longest) if isinstance(longest, (int, float)) and longest < 1e9 else most,
        "lowercase": bool(text.get("do_lower_case")),
        "prompts": {str(name): str(prompt or "") for name, prompt in prompts.items()},
        "default_prompt": about.get("default_prompt_name"),
        "pool_prompt": bool(pooling.get("include_prompt", True)),
        "others": tuple(kind for kind in paths if kind not in _SAME) + (() if "Pooling" in paths else ("no Pooling",)),
    }
    found = from_dict(SentenceVectors, facts, str(folder / _MODULES))
    if found.max_length is not None and found.max_length < 1:
        expected = "texts of at least one token"
        raise ConfigError(explain(f"reading {folder / _MODULES}", expected=expected, got=found.max_length))
    return found


def transformer_in(folder: Path) -> Path | None:
    """Where a sentence encoder keeps its transformer, in files of 2019 to 2021 in a folder of its own; None for none.

    Raises:
        CheckpointError: modules.json is damaged.
    """
    return _modules(folder).get("Transformer", folder) if (folder / _MODULES).is_file() else None


def write_sentence_vectors(folder: Path, vectors: SentenceVectors, width: int) -> None:
    """Write the files from which sentence-transformers makes the same vectors, `width` numbers before pooling.

    Raises:
        ConfigError: modules follow that are not held here.
    """
    _refuse_others(vectors, "a sentence encoder")
    kinds = {"Transformer": "", "Pooling": "1_Pooling", **({"Normalize": "2_Normalize"} if vectors.normalize else {})}
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(kinds.items())
    ]
    flags = {flag: way in vectors.pooling for way, flag in _FLAGS.items()}
    files: dict[str, Any] = {
        _MODULES: modules,
        "1_Pooling/config.json": {"word_embedding_dimension": width, **flags, "include_prompt": vectors.pool_prompt},
        "sentence_bert_config.json": {"max_seq_length": vectors.max_length, "do_lower_case": vectors.lowercase},
        "config_sentence_transformers.json": {
            "prompts": vectors.prompts,
            "default_prompt_name": vectors.default_prompt,
        },
    }
    for path in kinds.values():
        (folder / path).mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def from_pooling_type(number: Any) -> SentenceVectors | None:
    """What a GGUF file says in `pooling_type`; None where it does not."""
    if not isinstance(number, int) or not number:
        return None
    way = _GGUF[number] if 0 < number < len(_GGUF) else None
    return SentenceVectors(others=(f"pooling_type {number}",)) if way is None else SentenceVectors(pooling=(way,))


def to_pooling_type(vectors: SentenceVectors) -> int:
    """GGUF's number for the pooling; where vectors are brought to length 1 afterwards, any multiple of it will do.

    Raises:
        ConfigError: GGUF has none.
    """
    _refuse_others(vectors, "GGUF")
    scaled = vectors.normalize and vectors.pooling == ("mean_sqrt_len",)
    way = "mean" if scaled else vectors.pooling[0]
    if way not in _GGUF or len(vectors.pooling) > 1:
        got, do = " with ".join(vectors.pooling), "write a Hugging Face folder instead"
        raise ConfigError(explain("pooling in GGUF", expected="mean, cls or last", got=got, do=do))
    return _GGUF.index(way)


def left_out_of_gguf(vectors: SentenceVectors, context_length: int) -> str | None:
    """What GGUF has no place for, in a sentence; None where nothing."""
    cut = vectors.max_length or context_length
    parts = {
        f"its prompts ({', '.join(vectors.prompts)})": any(vectors.prompts.values()),
        f"the {cut} tokens that it reads of a text": cut < context_length,
        "its lower case": vectors.lowercase,
    }
    lost = " or ".join(part for part, there in parts.items() if there)
    return f"GGUF has no place for {lost}: whoever asks llama.cpp for vectors must see to it" if lost else None


def _refuse_others(vectors: SentenceVectors, where: str) -> None:
    if vectors.others:
        expected = f"only {', '.join(_SAME[:3])}"
        raise ConfigError(explain(f"modules of {where}", expected=expected, got=", ".join(vectors.others)))


def _ways(pooling: Mapping[str, Any], folder: Path) -> tuple[Pooling, ...]:
    """As sentence-transformers 6 names them, or by a flag for each as before it."""
    said = pooling.get("pooling_mode")
    named = [said] if isinstance(said, str) else said or [way for way, flag in _FLAGS.items() if pooling.get(flag)]
    ways: list[Any] = [_NEW_NAMES.get(str(way), way) for way in named or ["mean"]]
    if odd := [way for way in ways if way not in get_args(Pooling)]:
        expected = f"pooling by {', '.join(get_args(Pooling))}"
        raise CheckpointError(explain(f"reading {folder / _MODULES}", expected=expected, got=odd[0]))
    return tuple(ways)


def _modules(folder: Path) -> dict[str, Path]:
    """The place of each module of modules.json, by its kind."""
    try:
        modules = json.loads((folder / _MODULES).read_text(encoding="utf-8"))
        return {module["type"].rpartition(".")[2]: folder / module["path"] for module in modules}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        expected = "modules, each with a type and a path"
        raise CheckpointError(explain(f"reading {folder / _MODULES}", expected=expected, got=error)) from error


def _read(path: Path) -> dict[str, Any]:
    return read_json_object(path) if os.path.isfile(path) else {}
