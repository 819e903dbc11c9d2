"""Low-rank changes of a model as a LoRA adapter in a GGUF file, which llama.cpp adds to a model with `--lora`."""

from dataclasses import replace
from pathlib import Path

from gguf import GGMLQuantizationType, GGUFType, GGUFWriter, Keys
from gguf.quants import quantize

from eigenlm.checkpoint.families import GGUF
from eigenlm.checkpoint.low_rank_changes import low_rank_changes
from eigenlm.files import whole_file
from eigenlm.model import Transformer


def write_gguf_adapter(path: str | Path, model: Transformer, *, family: str | None = None, storage: str = "F32") -> str:
    """Write a GGUF file of low-rank changes, whole or not at all.

    llama.cpp adds alpha / R B A, with one alpha for the file and R as it finds it: where R is another, B is scaled.

    Args:
        path: the file.
        model: with layers that are sums, of which the last part is of low rank.
        family: which architecture to prefer where several fit, such as the one that the model was read from.
        storage: of the factors, F32, F16 or BF16.

    Returns:
        The architecture whose names its matrices have.

    Raises:
        ConfigError: no layer is such a sum, no architecture holds the model, or experts change.
        CheckpointError: numbers that the storage does not hold.
        DataError: `path` cannot be written.
    """
    found, kind = low_rank_changes(model, GGUF, family), GGMLQuantizationType[storage]
    alpha = found.usual_rank
    with whole_file(path) as temporary:
        writer = GGUFWriter(temporary, found.family)
        try:
            writer.add_type(GGUFType.ADAPTER)
            writer.add_string(Keys.Adapter.TYPE, "lora")
            writer.add_float32(Keys.Adapter.LORA_ALPHA, alpha)
            for name, change in found.of.items():
                stored = replace(change, B=change.rank / alpha * change.B).stored(name, storage)
                for part, factor in (("a", stored.A), ("b", stored.B)):
                    blocks = quantize(factor.float().numpy(), kind)
                    writer.add_tensor(f"{name}.weight.lora_{part}", blocks, raw_dtype=kind)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()
    return found.family
