"""A model into one GGUF file that llama.cpp opens."""

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFValueType, GGUFWriter
from gguf.constants import GGML_QUANT_VERSION, GGUF_DEFAULT_ALIGNMENT
from gguf.quants import dequantize, quant_shape_to_byte_shape, quantize
from torch import Tensor

from eigenlm.allowed import gguf_type
from eigenlm.checkpoint.choose_family import choose_family, dense_tensors
from eigenlm.checkpoint.dialects import Dialect
from eigenlm.checkpoint.families import GGUF, HUGGING_FACE
from eigenlm.checkpoint.generation import Generation
from eigenlm.checkpoint.gguf_kept import Kept, kept_blocks
from eigenlm.checkpoint.gguf_mixture import WITHOUT_SEARCH, TypeMixture
from eigenlm.checkpoint.narrowing import check_narrowed, surely_held
from eigenlm.checkpoint.renaming import TheirTensors
from eigenlm.checkpoint.sentence_vectors import SentenceVectors, left_out_of_gguf, to_pooling_type
from eigenlm.checkpoint.tokenizer_folder import ChatTemplates, by_name
from eigenlm.errors import ConfigError, explain
from eigenlm.files import whole_file
from eigenlm.linear import LINEAR_MAPS
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.progress import track
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_gguf import gguf_metadata

NO_TOKENIZER = "none"
END_KEYS = ("tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id")  # beside the tokenizer's eos

_KINDS = {kind for kind, layer in LINEAR_MAPS.items() if layer.in_gguf != "refused"}
_UNUSED_TOKEN = 5  # tokenizer.ggml.token_type


class Encoder:
    """How the numbers of a file's matrices are rounded; a subclass knows their inputs.

    Args:
        storage: a type of `allowed.gguf_type`.

    Attributes:
        informed: whether it knows them.
    """

    informed = False

    def __init__(self, storage: str) -> None:
        self.storage = gguf_type(storage)

    @property
    def file_type(self) -> int | None:
        """What the file is called: the number of its type in llama.cpp, which guesses where there is none."""
        return int(TypeMixture(name=self.storage).file_type)

    def kinds(self, tensors: TheirTensors, config: TransformerConfig) -> dict[str, GGMLQuantizationType]:
        """The type of each of a file's tensors."""
        first = config.layers[0] if config.layers else None
        heads, shared = (getattr(first and first.attention, name, 1) for name in ("num_heads", "num_kv_heads"))
        experts = getattr(first and first.feed_forward, "num_experts", 0)
        mixed = TypeMixture(name=self.storage, queries_per_key=heads // shared, experts=experts, informed=self.informed)
        return mixed.kinds({name: tensors.shape(name) for name in tensors})

    def encode(self, sources: Sequence[str], numbers: Tensor, kind: GGMLQuantizationType) -> np.ndarray:
        """A tensor as bytes of a type.

        Args:
            sources: our names of the parameters that it is made of.
            numbers: (..., n) as the file has them.
            kind: the type.
        """
        if kind.name in WITHOUT_SEARCH:
            return quantize(numbers.numpy(), kind)
        from eigenlm.checkpoint.gguf_blocks import encode  # compiles, which other files need not wait for

        rows = encode(numbers.reshape(-1, numbers.shape[-1]).numpy(), kind)
        return rows.reshape(*numbers.shape[:-1], -1)


def write_gguf(
    path: str | Path,
    model: Transformer,
    *,
    storage: str | Encoder = "Q8_0",
    tokenizer: Tokenizer | None = None,
    chat_template: ChatTemplates | None = None,
    generation: Generation | None = None,
    family: str | None = None,
    multiply_out: bool = False,
) -> str:
    """Write a GGUF file, whole or not at all.

    Matrices are stored as `storage` says (`gguf_mixture`); vectors, routers, and tables of positions and segments, as
    F32; with Q4_0 and Q4_1 the embedding and the head as Q8_0, because they decide the logits; a matrix whose rows are
    not whole blocks as the next type that they are blocks of. Layers that hold blocks already go in as they are; those
    on a trellis, which GGUF does not have, as the matrices that they apply. What llama.cpp would not open is refused;
    what it computes otherwise, `misread_by_llama_cpp` says.

    Args:
        path: the file.
        model: what to write.
        storage: of the matrices, a type of `allowed.gguf_type`, or an encoder for one.
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
    parts: dict[str, Any] = {"tokenizer": tokenizer, "chat_template": chat_template, "generation": generation}
    contents = _contents(model, storage, family=family, multiply_out=multiply_out, **parts)
    with whole_file(path) as temporary, contents.begun(temporary) as writer:
        for name, kind in track(list(contents.kinds.items()), "writing"):
            writer.write_tensor_data(contents.blocks(name, kind))
    return contents.architecture


def gguf_size(model: Transformer, storage: str | Encoder, **parts: Any) -> int:
    """Bytes of the file that `write_gguf` would write, without rounding a number; arguments and errors are the same."""
    contents = _contents(model, storage, **parts)
    with tempfile.TemporaryDirectory() as folder:
        head = Path(folder) / "head.gguf"
        with contents.begun(head):
            pass
        size = _aligned(head.stat().st_size)
    for name, kind in contents.kinds.items():
        shape, dtype = _stored(contents.tensors.shape(name), kind)
        size += _aligned(math.prod(shape) * dtype.itemsize)
    return size


def gguf_sources(model: Transformer, **parts: Any) -> list[list[str]]:
    """Names of our layers, or of the table of tokens, that lie in one tensor of a file; arguments as of `gguf_size`."""
    tensors = _contents(model, "F32", **parts).tensors
    return [[source.removesuffix(".weight") for source in tensors.sources(name)] for name in tensors]


def _aligned(num_bytes: int) -> int:
    return -(-num_bytes // GGUF_DEFAULT_ALIGNMENT) * GGUF_DEFAULT_ALIGNMENT


@dataclass(frozen=True, kw_only=True)
class _Contents:
    architecture: str
    metadata: Mapping[str, Any]
    tensors: TheirTensors
    kinds: Mapping[str, GGMLQuantizationType]
    kept: Kept
    encoder: Encoder

    @contextmanager
    def begun(self, path: Path) -> Iterator[GGUFWriter]:
        """A file with all that stands before the tensors."""
        writer = GGUFWriter(None, self.architecture)
        try:
            for key, value in self.metadata.items():
                _add(writer, key, value)
            for name, kind in self.kinds.items():
                shape, dtype = _stored(self.tensors.shape(name), kind)
                writer.add_tensor_info(name, shape, dtype, math.prod(shape) * dtype.itemsize, kind)
            writer.write_header_to_file(path)
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            yield writer
        finally:
            writer.close()

    def blocks(self, name: str, kind: GGMLQuantizationType) -> np.ndarray:
        """A tensor as bytes of its type, refused if it does not hold the numbers."""
        if name in self.kept:
            return self.kept[name][1].numpy()
        numbers = self.tensors[name].float().cpu().contiguous()
        with np.errstate(over="ignore", invalid="ignore"):  # `check_narrowed` tells of it
            stored = self.encoder.encode(self.tensors.sources(name), numbers, kind)
            if not surely_held(numbers, kind.name):
                check_narrowed(name, numbers, torch.from_numpy(dequantize(stored, kind)), kind.name)
        return stored


def _contents(
    model: Transformer,
    storage: str | Encoder,
    *,
    tokenizer: Tokenizer | None = None,
    chat_template: ChatTemplates | None = None,
    generation: Generation | None = None,
    family: str | None = None,
    multiply_out: bool = False,
) -> _Contents:
    encoder = storage if isinstance(storage, Encoder) else Encoder(storage)
    dense = dense_tensors(model, multiply_out=multiply_out, and_of=_KINDS)
    instead = f"write {'a Hugging Face' if family in HUGGING_FACE else 'an eigenlm'} folder"
    dialect, tensors = choose_family(GGUF, model.config, dense, family, instead)
    use, kept = generation or Generation(), kept_blocks(model, dialect, tensors)
    metadata = {
        **_architecture(dialect, model.config, use, encoder.file_type),
        **_tokenizer_metadata(tokenizer, model.config),
        **_templates(by_name(chat_template)),
        **_ends(use, tokenizer),
    }
    return _Contents(
        architecture=dialect.family,
        metadata=metadata,
        tensors=tensors,
        kinds=encoder.kinds(tensors, model.config) | {name: kind for name, (kind, _) in kept.items()},
        kept=kept,
        encoder=encoder,
    )


def _architecture(
    dialect: Dialect, config: TransformerConfig, use: Generation, file_type: int | None
) -> dict[str, Any]:
    pooling = None if use.vectors is None else to_pooling_type(use.vectors)
    said = {**dialect.values(config), "decoder_start_token_id": use.start, "pooling_type": pooling}
    return {
        "general.type": "model",
        **({} if file_type is None else {"general.file_type": file_type}),
        "general.quantization_version": GGML_QUANT_VERSION,
        **{f"{dialect.family}.{key}": value for key, value in said.items() if value is not None},
    }


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


def _add(writer: GGUFWriter, key: str, value: Any) -> None:
    kinds = {bool: GGUFValueType.BOOL, int: GGUFValueType.UINT32, float: GGUFValueType.FLOAT32}
    if isinstance(value, list):
        writer.add_array(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_key_value(key, value, kinds[type(value)])


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
