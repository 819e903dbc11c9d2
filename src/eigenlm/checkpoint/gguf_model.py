"""A model in one GGUF file."""

from dataclasses import replace
from pathlib import Path

from eigenlm.checkpoint.damage import damage_told
from eigenlm.checkpoint.families import GGUF
from eigenlm.checkpoint.generation import Generation
from eigenlm.checkpoint.gguf_reader import GGUFFile
from eigenlm.checkpoint.gguf_writer import END_KEYS, NO_TOKENIZER
from eigenlm.checkpoint.opened import Opened, understand
from eigenlm.checkpoint.sentence_vectors import from_pooling_type
from eigenlm.checkpoint.tokenizer_folder import one_or_named
from eigenlm.config import from_dict
from eigenlm.errors import CheckpointError, explain
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_gguf import tokenizer_from_gguf


def open_gguf(path: Path) -> Opened:
    """Understand a GGUF file.

    Raises:
        CheckpointError: damaged, an unknown architecture, or tensors that do not fit it.
        ConfigError: metadata that makes no model.
    """
    file = GGUFFile(path)
    architecture = file.metadata.get("general.architecture")
    dialect = GGUF.get(architecture) if isinstance(architecture, str) else None
    if dialect is None:
        raise CheckpointError(
            explain(f"reading {path}", expected=f"an architecture of {', '.join(GGUF)}", got=repr(architecture))
        )
    if file.metadata.get("split.count", 1) != 1:
        do = "join the parts first: llama-gguf-split --merge FIRST-PART OUT"
        raise CheckpointError(
            explain(f"reading {path}", expected="a whole GGUF file", got="one part of several", do=do)
        )
    prefix = f"{architecture}."
    values = {key.removeprefix(prefix): value for key, value in file.metadata.items() if key.startswith(prefix)}
    config = dialect.config(values, file)
    model, tensors = understand(dialect, config, file, path)
    ends = [file.metadata[key] for key in END_KEYS if key in file.metadata]
    key = "tokenizer.chat_template"
    templates = {
        name[len(key) + 1 :] or "default": text
        for name, text in file.metadata.items()
        if f"{name}.".startswith(f"{key}.")
    }
    return Opened(
        path=path,
        format="gguf",
        family=dialect.family,
        config=config,
        skeleton=model,
        tensors=tensors,
        read_tokenizer=lambda: _tokenizer(file),
        chat_template=one_or_named(templates),
        generation=replace(
            from_dict(Generation, {"start": values.get("decoder_start_token_id"), "ends": ends}, str(path)),
            vectors=from_pooling_type(values.get("pooling_type")),
        ),
    )


def _tokenizer(file: GGUFFile) -> Tokenizer | None:
    if file.metadata.get("tokenizer.ggml.model", NO_TOKENIZER) == NO_TOKENIZER:
        return None
    with damage_told(file.path, "a tokenizer"):
        return tokenizer_from_gguf(file.metadata)
