"""The language model inside a model of images and text: what it is, and its tensors."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from eigenlm.checkpoint.safetensors_reader import tell_once
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.linalg.by_blocks import Part

# Models that read a text without images as the language model in them does by itself.
_FAMILIES = ("gemma3", "llava", "mistral3")
# Both ways in which transformers has written them.
_INSIDE = re.compile(r"language_model\.((?:model|lm_head)\..+)|(model\.)language_model\.(.+)|(lm_head\..+)")
_SAID_FOR_ALL = ("bos_token_id", "eos_token_id", "pad_token_id", "quantization_config", "tie_word_embeddings")


def text_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """What config.json says of the language model: all of it, where there is no other in it."""
    inner = values.get("text_config")
    if values.get("model_type") not in _FAMILIES or not isinstance(inner, Mapping):
        return dict(values)
    outer = {key: values[key] for key in _SAID_FOR_ALL if values.get(key) is not None}
    headless = [name for name in values.get("architectures") or () if str(name).endswith("Model")]
    return {**inner, **outer, "architectures": headless or None}


class TextTower(TensorSource):
    """The tensors of the language model, under the names that it has by itself; standard error tells of the others.

    Args:
        tensors: of the whole.
        folder: where they are.
    """

    def __init__(self, tensors: TensorSource, folder: Path) -> None:
        found = {name: _INSIDE.fullmatch(name) for name in tensors}
        super().__init__({"".join(filter(None, at.groups())): name for name, at in found.items() if at})
        if others := len(found) - len(self._entries):
            tell_once(f"eigenlm: {folder} reads images too; its {others} tensors for them are left out")
        self._tensors = tensors

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[self._entries[name]]

    def part(self, name: str, where: Part) -> Tensor:
        """Some slices along the first dimension of a tensor, or some columns of a matrix."""
        return self._tensors.part(self._entries[name], where)

    def reads_parts(self, name: str) -> bool:
        """Whether the file does."""
        return self._tensors.reads_parts(self._entries[name])

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor."""
        return self._tensors.shape(self._entries[name])

    def storage(self, name: str) -> str:
        """How its numbers are stored."""
        return self._tensors.storage(self._entries[name])

    def num_bytes(self, name: str) -> int:
        """Bytes in the file."""
        return self._tensors.num_bytes(self._entries[name])
