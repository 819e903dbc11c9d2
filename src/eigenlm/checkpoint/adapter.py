"""A PEFT adapter as the changes it makes: the product of the two factors of each matrix it touches."""

from pathlib import Path

from torch import Tensor

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.checkpoint.safetensors_reader import SafetensorsFiles
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, explain

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_A, _B = ".lora_A.weight", ".lora_B.weight"


class AdapterChanges(TensorSource):
    """The change W' - W = s B A of each matrix that a LoRA adapter touches (arXiv 2106.09685, section 4.1).

    s is alpha / r, or alpha / sqrt(r) where the adapter was trained rank-stabilised (arXiv 2312.03732). Names are those
    of the model that PEFT wrapped.

    Raises:
        CheckpointError: no LoRA adapter, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self._config = read_json_object(folder / CONFIG)
        kind = self._config.get("peft_type")
        if kind != "LORA":
            raise CheckpointError(explain(f"reading {folder}", expected="a LoRA adapter", got=f"peft_type {kind!r}"))
        self._files = SafetensorsFiles([folder / WEIGHTS])
        layers = [name.removesuffix(_A) for name in self._files if name.endswith(_A)]
        if not layers:
            raise CheckpointError(explain(f"reading {folder}", expected=f"tensors ending in {_A}", got="none"))
        for layer in layers:
            self._check(layer, folder)
        super().__init__({f"{layer.removeprefix(_PREFIX)}.weight": layer for layer in layers})

    def __getitem__(self, name: str) -> Tensor:
        layer = self._entries[name]
        A, B = self._files[layer + _A].float(), self._files[layer + _B].float()
        return self._scale(layer, len(A)) * (B @ A)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of the change: outputs by inputs."""
        layer = self._entries[name]
        return self._files.shape(layer + _B)[0], self._files.shape(layer + _A)[1]

    def storage(self, name: str) -> str:
        """How the factors are stored, and their rank: `F32, rank 8`."""
        factor = self._entries[name] + _A
        return f"{self._files.storage(factor)}, rank {self._files.shape(factor)[0]}"

    def num_bytes(self, name: str) -> int:
        """Bytes of both factors."""
        return sum(self._files.num_bytes(self._entries[name] + factor) for factor in (_A, _B))

    def _scale(self, layer: str, rank: int) -> float:
        named = self._config.get("alpha_pattern") or {}
        fits = (alpha for name, alpha in named.items() if layer.endswith(f".{name}"))
        alpha = next(fits, self._config.get("lora_alpha", rank))
        return float(alpha) / (rank**0.5 if self._config.get("use_rslora") else rank)

    def _check(self, layer: str, folder: Path) -> None:
        if layer + _B not in self._files:
            raise CheckpointError(explain(f"reading {folder}", expected=f"{layer}{_B}", got="only its other factor"))
        A, B = self._files.shape(layer + _A), self._files.shape(layer + _B)
        if len(A) != 2 or len(B) != 2 or B[1] != A[0]:
            got = f"A {A} and B {B}"
            raise CheckpointError(explain(f"reading {folder}, {layer}", expected="A (r, n) and B (m, r)", got=got))
