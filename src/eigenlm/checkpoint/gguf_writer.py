"""A model into one GGUF file that llama.cpp opens."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFValueType, GGUFWriter, LlamaFileType
from gguf.constants import GGML_QUANT_SIZES, GGML_QUANT_VERSION
from gguf.quants import dequantize, quant_shape_to_byte_shape, quantize

from eigenlm.checkpoint.choose_family import choose_family, dense_tensors
from eigenlm.checkpoint.families import GGUF, HUGGING_FACE
from eigenlm.checkpoint.generation import Generation
from eigenlm.checkpoint.narrowing import check_narrowed, surely_held
from eigenlm.checkpoint.renaming import TheirTensors
from eigenlm.checkpoint.sentence_vectors import SentenceVectors, left_out_of_gguf, to_pooling_type
from eigenlm.checkpoint.tokenizer_folder import ChatTemplates, by_name
from eigenlm.errors import ConfigError, explain
from eigenlm.files import whole_file
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.progress import track
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_gguf import gguf_metadata

NO_TOKENIZER = "none"
END_KEYS = ("tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id")  # beside the tokenizer's eos

_FILE_TYPES = {
    "F32": LlamaFileType.ALL_F32,
    "F16": LlamaFileType.MOSTLY_F16,
    "BF16": LlamaFileType.MOSTLY_BF16,
    "Q8_0": LlamaFileType.MOSTLY_Q8_0,
    "Q4_0": LlamaFileType.MOSTLY_Q4_0,
    "Q4_1": LlamaFileType.MOSTLY_Q4_1,
}
_VOCABULARY = ("token_embd.weight", "output.weight")
_ALWAYS_F32 = ("position_embd.weight", "token_types.weight")  # llama.cpp adds them to float32 rows
_ROUTER = "ffn_gate_inp.weight"  # small, and its order of scores decides; llama.cpp's converter keeps it so too
_RELATIVE_BIAS = "attn_rel_b.weight"  # which llama.cpp's own quantization leaves alone, too
_UNUSED_TOKEN = 5  # tokenizer.ggml.token_type


def write_gguf(
    path: str | Path,
    model: Transformer,
    *,
    storage: str = "Q8_0",
    tokenizer: Tokenizer | None = None,
    chat_template: ChatTemplates | None = None,
    generation: Generation | None = None,
    family: str | None = None,
    multiply_out: bool = False,
) -> str:
    """Write a GGUF file, whole or not at all.

    Matrices are stored as `storage` says; vectors, routers, and tables of positions and segments, as F32; with a 4-bit
    storage the embedding and the head as Q8_0, because they decide the logits; a matrix whose rows are not whole blocks
    of 32 as F16. What llama.cpp would not open is refused; what it computes otherwise, `misread_by_llama_cpp` says.

    Args:
        path: the file.
        model: what to write.
        storage: of the matrices.
        tokenizer: written into the metadata.
        chat_template: written into the metadata.
        generation: its `start`, its `ends` and the pooling of its `vectors` are written into the metadata.
        family: which architecture to prefer where several fit, such as the one the model was read from.
        multiply_out: write low-rank layers as dense ones, B @ A; without it they are refused.

    Returns:
        The architecture it was written as.

    Raises:
        ConfigError: no architecture holds this model, it is low-rank, or the tokenizer has more tokens than it.
        CheckpointError: GGUF has no way to hold this tokenizer, or `storage` none to hold the numbers of a matrix.
        DataError: `path` cannot be written.
    """
    if storage not in _FILE_TYPES:
        raise ConfigError(explain("GGUF storage", expected=f"one of {', '.join(_FILE_TYPES)}", got=repr(storage)))
    tensors = dense_tensors(model, multiply_out=multiply_out)
    instead = f"write {'a Hugging Face' if family in HUGGING_FACE else 'an eigenlm'} folder"
    dialect, theirs = choose_family(GGUF, model.config, tensors, family, instead)
    use = generation or Generation()
    pooling = None if use.vectors is None else to_pooling_type(use.vectors)
    said = {**dialect.values(model.config), "decoder_start_token_id": use.start, "pooling_type": pooling}
    metadata = {
        "general.type": "model",
        "general.file_type": int(_FILE_TYPES[storage]),
        "general.quantization_version": GGML_QUANT_VERSION,
        **{f"{dialect.family}.{key}": value for key, value in said.items() if value is not None},
        **_tokenizer_metadata(tokenizer, model.config),
        **_templates(by_name(chat_template)),
        **_ends(use, tokenizer),
    }
    with whole_file(path) as temporary:
        writer = GGUFWriter(None, dialect.family)
        try:
            _write(writer, temporary, metadata, theirs, storage)
        finally:
            writer.close()
    return dialect.family


def _ends(generation: Generation, tokenizer: Tokenizer | None) -> dict[str, int]:
    if tokenizer is None:
        return {}
    others = [end for end in generation.ends if end != tokenizer.eos]
    if len(others) > len(END_KEYS):
        do = "write a Hugging Face folder instead"
        raise ConfigError(explain("writing GGUF", expected="at most three end tokens", got=generation.ends, do=do))
    return dict(zip(END_KEYS, others))


def _templates(named: Mapping[str, str]) -> dict[str, Any]:
    others = [name for name in named if name != "default"]
    key = "tokenizer.chat_template"
    stored = {key if name == "default" else f"{key}.{name}": text for name, text in named.items()}
    return {**stored, **({"tokenizer.chat_templates": others} if others else {})}


def misread_by_llama_cpp(
    architecture: str, config: TransformerConfig, vectors: SentenceVectors | None = None
) -> str | None:
    """What llama.cpp computes otherwise than this model does, in a sentence; None where nothing.

    Args:
        architecture: what the model was written as.
        config: the model.
        vectors: how it makes vectors of sentences, if it does.
    """
    left_out = None if vectors is None else left_out_of_gguf(vectors, config.context_length)
    return "; ".join(told for told in (GGUF[architecture].misread(config), left_out) if told) or None


def _write(writer: GGUFWriter, path: Path, metadata: Mapping[str, Any], tensors: TheirTensors, storage: str) -> None:
    for key, value in metadata.items():
        _add(writer, key, value)
    kinds = {name: _kind(name, tensors.shape(name), storage) for name in tensors}
    for name, kind in kinds.items():
        shape, dtype = _stored(tensors.shape(name), kind)
        writer.add_tensor_info(name, shape, dtype, math.prod(shape) * dtype.itemsize, kind)
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, kind in track(list(kinds.items()), "writing"):
        numbers = tensors[name].float().cpu().contiguous()
        with np.errstate(over="ignore", invalid="ignore"):  # `check_narrowed` tells of it
            stored = quantize(numbers.numpy(), kind)
            if not surely_held(numbers, kind.name):
                check_narrowed(name, numbers, torch.from_numpy(dequantize(stored, kind)), kind.name)
        writer.write_tensor_data(stored)


def _add(writer: GGUFWriter, key: str, value: Any) -> None:
    kinds = {bool: GGUFValueType.BOOL, int: GGUFValueType.UINT32, float: GGUFValueType.FLOAT32}
    if isinstance(value, list):
        writer.add_array(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_key_value(key, value, kinds[type(value)])


def _kind(name: str, shape: tuple[int, ...], storage: str) -> GGMLQuantizationType:
    stays = (_ROUTER, _RELATIVE_BIAS, ".bias")  # experts' biases are stacked
    if len(shape) == 1 or name in _ALWAYS_F32 or name.endswith(stays):
        return GGMLQuantizationType.F32
    kind = GGMLQuantizationType[storage]
    if name in _VOCABULARY and storage in ("Q4_0", "Q4_1"):
        kind = GGMLQuantizationType.Q8_0
    block, _ = GGML_QUANT_SIZES[kind]
    return kind if shape[-1] % block == 0 else GGMLQuantizationType.F16


def _stored(shape: tuple[int, ...], kind: GGMLQuantizationType) -> tuple[tuple[int, ...], np.dtype]:
    """Sizes and element type of what `quantize` gives."""
    plain: dict[GGMLQuantizationType, np.dtype] = {
        GGMLQuantizationType.F32: np.dtype(np.float32),
        GGMLQuantizationType.F16: np.dtype(np.float16),
    }
    if kind in plain:
        return shape, plain[kind]
    return tuple(quant_shape_to_byte_shape(shape, kind)), np.dtype(np.uint8)


def _tokenizer_metadata(tokenizer: Tokenizer | None, config: TransformerConfig) -> dict[str, Any]:
    types = max(config.embedding.num_token_types, int(config.kind == "encoder"))  # llama.cpp opens none without
    counted = {"tokenizer.ggml.token_type_count": types} if types else {}
    if tokenizer is None:
        return {**counted, "tokenizer.ggml.model": NO_TOKENIZER}
    metadata = gguf_metadata(tokenizer)
    spare = config.vocab_size - len(metadata["tokenizer.ggml.tokens"])
    if spare < 0:
        got = f"{len(metadata['tokenizer.ggml.tokens'])} tokens"
        raise ConfigError(explain("writing GGUF", expected=f"at most {config.vocab_size} tokens", got=got))
    padding: dict[str, list[Any]] = {
        "tokens": [f"[PAD{config.vocab_size - i}]" for i in range(spare, 0, -1)],
        "token_type": [_UNUSED_TOKEN] * spare,
        "scores": [-1e4] * spare,
    }
    for key, extra in padding.items():
        if f"tokenizer.ggml.{key}" in metadata:
            metadata[f"tokenizer.ggml.{key}"] = [*metadata[f"tokenizer.ggml.{key}"], *extra]
    return {**counted, **metadata}
