"""Weights that other programs stored in few bits, as the numbers that they stand for; one file a method."""

from collections.abc import Mapping
from typing import Any

from eigenlm.checkpoint.quantized.awq import Awq
from eigenlm.checkpoint.quantized.bitsandbytes import EightBit, FourBit
from eigenlm.checkpoint.quantized.compressed import OneCode, Packed
from eigenlm.checkpoint.quantized.fp8 import Fp8
from eigenlm.checkpoint.quantized.gptq import Gptq
from eigenlm.checkpoint.quantized.method import Dequantized, Method
from eigenlm.checkpoint.quantized.mxfp4 import Mxfp4
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, explain

__all__ = ["METHODS", "dequantized"]

# `quant_method` of `quantization_config`, and how matrices may then be stored.
METHODS: dict[str, tuple[type[Method], ...]] = {
    "fp8": (Fp8,),
    "fbgemm_fp8": (Fp8,),
    "mxfp4": (Mxfp4,),
    "gptq": (Gptq,),
    "awq": (Awq,),
    "bitsandbytes": (FourBit, EightBit),
    "compressed-tensors": (Packed, OneCode),
}


def dequantized(source: TensorSource, values: Mapping[str, Any], where: object) -> TensorSource:
    """A model's tensors as numbers, however its config.json says that they are stored.

    Args:
        source: the files.
        values: of config.json.
        where: they are, for the message.

    Raises:
        CheckpointError: by a method that is not read, or no matrix is stored by the method it says.
    """
    settings = values.get("quantization_config")
    if not settings:
        return source
    operation = f"reading {where}, quantization_config"
    method = settings.get("quant_method") if isinstance(settings, Mapping) else settings
    if not isinstance(method, str) or method not in METHODS:
        got, do = f"{method!r}", "read the unquantized model, or its GGUF file"
        raise CheckpointError(explain(operation, expected=f"the method {', '.join(METHODS)}", got=got, do=do))
    found = Dequantized(source, *(each(settings) for each in METHODS[method]))
    if not found.num_decoded:
        raise CheckpointError(explain(operation, expected=f"matrices in the codes of {method}", got="none"))
    return found
