"""Matrices that a model holds in blocks of a GGUF type go into a file as they are."""

import torch
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from jaxtyping import UInt8
from torch import Tensor

from eigenlm.checkpoint.dialects import Dialect
from eigenlm.checkpoint.renaming import TheirTensors
from eigenlm.linear import BlockLinear, linear_maps
from eigenlm.model import Transformer

Kept = dict[str, tuple[GGMLQuantizationType, UInt8[Tensor, "... bytes"]]]


def kept_blocks(model: Transformer, dialect: Dialect, dense: TheirTensors) -> Kept:
    """Type and bytes of the file's tensors that are made of layers of blocks alone, all of one type.

    Rows may lie in another order in the file; where their bytes then say something else than the matrix, as of padded
    rows, the tensor is left out.

    Args:
        model: the model.
        dialect: the file's names.
        dense: the file's tensors.
    """
    layers = {f"{name}.weight": each for name, each in linear_maps(model).items() if isinstance(each, BlockLinear)}
    bytes_of = TheirTensors(
        dialect.of(model.config), {name: layer.blocks for name, layer in layers.items()}, model.config
    )
    kept: Kept = {}
    for name in bytes_of:
        sources = dense.sources(name)
        types = {layers[source].block_type if source in layers else None for source in sources}
        if len(types) != 1 or None in types:
            continue
        kind = GGMLQuantizationType(layers[sources[0]].block_type)
        blocks = bytes_of[name].cpu()
        if layers[sources[0]].in_features % GGML_QUANT_SIZES[kind][0]:
            continue
        if torch.equal(torch.from_numpy(dequantize(blocks.numpy(), kind)).to(dense[name].dtype), dense[name].cpu()):
            kept[name] = kind, blocks
    return kept
