"""Hugging Face model folders: config.json, safetensors, tokenizer files."""

from pathlib import Path

from eigenlm.checkpoint.families import HUGGING_FACE
from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.checkpoint.opened import Opened, understand
from eigenlm.checkpoint.safetensors_reader import open_safetensors
from eigenlm.checkpoint.tokenizer_folder import read_chat_template, read_tokenizer
from eigenlm.errors import CheckpointError, explain


def open_hugging_face(folder: Path) -> Opened:
    """Understand a Hugging Face folder.

    Raises:
        CheckpointError: an unknown model type, a quantized or pickled checkpoint, or tensors that do not fit.
        ConfigError: a config that makes no model.
    """
    values = read_json_object(folder / "config.json")
    family = values.get("model_type")
    dialect = HUGGING_FACE.get(family) if isinstance(family, str) else None
    if dialect is None:
        expected = f"a model_type of {', '.join(HUGGING_FACE)}"
        raise CheckpointError(explain(f"reading {folder}", expected=expected, got=repr(family)))
    if values.get("quantization_config"):
        do = "read the unquantized model, or its GGUF file"
        raise CheckpointError(explain(f"reading {folder}", expected="plain weights", got="quantization_config", do=do))
    source = open_safetensors(folder)
    config = dialect.config(values, source)
    model, tensors = understand(dialect, config, source, folder)
    return Opened(
        path=folder,
        format="hugging_face",
        family=dialect.family,
        config=config,
        skeleton=model,
        tensors=tensors,
        read_tokenizer=lambda: read_tokenizer(folder),
        chat_template=read_chat_template(folder),
    )
