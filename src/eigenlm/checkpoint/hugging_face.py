"""Hugging Face model folders: config.json, safetensors, tokenizer files."""

import json
from pathlib import Path

from eigenlm.checkpoint.adapter import Adapter
from eigenlm.checkpoint.choose_family import choose_family, dense_tensors
from eigenlm.checkpoint.families import HUGGING_FACE
from eigenlm.checkpoint.generation import Generation, read_generation, write_generation
from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.checkpoint.merged import Merged
from eigenlm.checkpoint.opened import Opened, understand
from eigenlm.checkpoint.quantized import dequantized
from eigenlm.checkpoint.safetensors_reader import open_safetensors
from eigenlm.checkpoint.safetensors_writer import save_tensors
from eigenlm.checkpoint.sentence_vectors import write_sentence_vectors
from eigenlm.checkpoint.text_tower import TextTower, text_values
from eigenlm.checkpoint.tokenizer_folder import ChatTemplates, read_chat_template, read_tokenizer, write_tokenizer
from eigenlm.errors import CheckpointError, explain
from eigenlm.files import whole_folder
from eigenlm.model import Transformer
from eigenlm.text.tokenizer import Tokenizer


def open_hugging_face(folder: Path, adapter: Adapter | None = None) -> Opened:
    """Understand a Hugging Face folder, with an adapter merged into it where one is given.

    Raises:
        CheckpointError: an unknown model type, a quantized or pickled checkpoint, or tensors that do not fit.
        ConfigError: a config that makes no model.
    """
    whole = read_json_object(folder / "config.json")
    values = text_values(whole)
    family = values.get("model_type")
    dialect = HUGGING_FACE.get(family) if isinstance(family, str) else None
    if dialect is None:
        expected = f"a model_type of {', '.join(HUGGING_FACE)}"
        raise CheckpointError(explain(f"reading {folder}", expected=expected, got=repr(family)))
    files = dequantized(open_safetensors(folder), values, folder)
    if family != whole["model_type"]:
        files = TextTower(files, folder)
    source = files if adapter is None else Merged(files, adapter, dialect, folder)
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
        generation=read_generation(folder, values),
    )


def write_hugging_face(
    path: str | Path,
    model: Transformer,
    *,
    tokenizer: Tokenizer | None = None,
    chat_template: ChatTemplates | None = None,
    generation: Generation | None = None,
    family: str | None = None,
    multiply_out: bool = False,
) -> str:
    """Write a folder that transformers opens, whole or not at all.

    Args:
        path: a new or empty folder.
        model: what to write.
        tokenizer: written beside it.
        chat_template: written beside it.
        generation: written beside it.
        family: which family to prefer where several fit, such as the one the model was read from.
        multiply_out: write low-rank layers as dense ones, B @ A; without it they are refused.

    Returns:
        The family it was written as.

    Raises:
        ConfigError: no family of Hugging Face's holds this model, or it is low-rank.
        DataError: `path` is in use or cannot be written.
    """
    tensors = dense_tensors(model, multiply_out=multiply_out)
    dialect, theirs = choose_family(HUGGING_FACE, model.config, tensors, family)
    tokens = {f"{role}_token_id": getattr(tokenizer, role, None) for role in ("bos", "eos", "pad")}
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    values = {"model_type": dialect.family, "torch_dtype": dtype, **tokens, **dialect.values(model.config)}
    generation = Generation() if generation is None else generation
    if generation.start is not None:
        values["decoder_start_token_id"] = generation.start
    with whole_folder(path) as folder:
        save_tensors(theirs, folder / "model.safetensors")
        write_tokenizer(folder, tokenizer, chat_template)
        write_generation(folder, generation, tokens)
        if generation.vectors is not None:
            write_sentence_vectors(folder, generation.vectors, model.config.d_model)
        (folder / "config.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return dialect.family
