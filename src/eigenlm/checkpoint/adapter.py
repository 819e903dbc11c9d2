"""A LoRA adapter of PEFT: which tensors of its base model it changes, and what they become."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.linalg import vector_norm

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.checkpoint.safetensors_reader import SafetensorsFiles
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, DataError, explain

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
_FACTOR = re.compile(r"(?P<layer>.+)\.(?P<part>lora_(embedding_)?[AB]|lora_magnitude_vector|lora_B\.bias)(\.weight)?")
# Settings with which a merge is something else, or none; and initialisations that took something off the base.
_OTHERS = (
    *("trainable_token_indices", "alora_invocation_tokens", "layer_replication"),
    *("use_qalora", "use_bdlora", "arrow_config", "kasa_config", "velora_config", "monteclora_config"),
    "megatron_config",
)
# PEFT wraps a module once for each of its parameters that it targets, the first parameter innermost, and names them in
# no file; this is the order in which transformers' experts have theirs.
_EXPERTS, _WRAPPED = ("gate_up_proj", "down_proj"), ".base_layer"
_ON_A_RESIDUAL = ("pissa", "olora", "corda", "loftq", "lora_ga")


@dataclass
class _Layer:
    """The parts of one layer's change, or of one tensor's, and the names of their tensors in the file."""

    parts: dict[str, str] = field(default_factory=dict)
    is_tensor: bool = False

    @property
    def is_embedding(self) -> bool:
        return "lora_embedding_A" in self.parts

    @property
    def factors(self) -> tuple[str, str]:
        """The names of A (r, n) and B (m, r)."""
        kind = "lora_embedding_" if self.is_embedding else "lora_"
        return self.parts[f"{kind}A"], self.parts[f"{kind}B"]


class Adapter:
    """What an adapter does to its base: W' = W + s B A (arXiv 2106.09685), each row then of length m for DoRA.

    s is alpha / r, or alpha / sqrt(r) where it was trained rank-stabilised (arXiv 2312.03732); DoRA's W' is
    m (W + s B A) / |W + s B A|, row by row (arXiv 2402.09353). Of a tensor that stacks the matrices of experts
    (`target_parameters`) A holds the rows of all experts, and B their columns by turns. Tensors without factors (a new
    head, trained biases) take the place of the base's. Names are those of the model that PEFT wrapped.

    Attributes:
        base: the name or path of its base model, as the adapter says it; "" where it does not.
        layers: matrices with factors, by the name of their layer; stacked ones by that of their tensor.
        in_first: whether PEFT says that matrices of the base are stored as (in, out).
        whole: tensors that are replaced: their names, and those in the file.

    Raises:
        CheckpointError: no LoRA adapter, one of a kind that cannot be merged, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self._where, self._config = f"reading {folder}", read_json_object(folder / CONFIG)
        self._check_kind()
        self.base = str(self._config.get("base_model_name_or_path") or "")
        self.in_first = self._config.get("fan_in_fan_out") is True
        self._files = SafetensorsFiles([folder / WEIGHTS])
        self.layers: dict[str, _Layer] = {}
        self.whole: dict[str, str] = {}
        for key in self._files:
            name = key.removeprefix(PREFIX)
            if found := _FACTOR.fullmatch(name):
                self.layers.setdefault(found["layer"], _Layer()).parts[found["part"]] = key
            elif "lora_" in name or "token_adapter" in name:
                raise self._refusal("factors of matrices, and whole tensors", repr(key))
            else:
                self.whole[name.replace(".base_layer.", ".")] = key
        if not self.layers:
            raise self._refusal("tensors ending in .lora_A.weight", "none")
        for layer in self.layers:
            self._check_factors(layer)
        if targets := self._config.get("target_parameters"):
            if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
                raise self._refusal("target_parameters that are names", repr(targets)[:80])
            self.layers = {self._tensor_of(layer, targets): parts for layer, parts in self.layers.items()}

    def tensor(self, layer: str) -> str:
        """The name of the base's tensor that changes."""
        return layer if self.layers[layer].is_tensor else f"{layer}.weight"

    def layer_of(self, tensor: str) -> str:
        """The name, among `layers`, of what has this tensor of the base."""
        return tensor if tensor in self.layers else tensor.removesuffix(".weight")

    def factors(self, layer: str) -> tuple[Tensor, Tensor]:
        """A (r, n) and B (m, r) of a layer, in float32."""
        A, B = (self._files[key].float() for key in self.layers[layer].factors)
        return A, B

    def shapes(self, layer: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Sizes of A and of B."""
        A, B = (self._files.shape(key) for key in self.layers[layer].factors)
        return A, B

    def stored(self, name: str) -> tuple[str, int]:
        """How the tensors that change one of the base's are stored, and their bytes."""
        layer = self.layers.get(self.layer_of(name), _Layer())
        keys = [*layer.parts.values(), *([self.whole[name]] if name in self.whole else [])]
        return self._files.storage(keys[0]), sum(map(self._files.num_bytes, keys))

    def whole_tensor(self, name: str) -> Tensor:
        """A tensor that takes the place of the base's."""
        return self._files[self.whole[name]]

    def shape_of_whole(self, name: str) -> tuple[int, ...]:
        """Its sizes."""
        return self._files.shape(self.whole[name])

    def rescales(self, layer: str) -> bool:
        """Whether the change depends on the base's matrix, as DoRA's does."""
        return "lora_magnitude_vector" in self.layers[layer].parts

    def shape_of_change(self, layer: str) -> tuple[int, ...]:
        """Its sizes: outputs by inputs, of an embedding vocabulary by width; before them the experts of a stack."""
        (rows, n), (m, _) = self.shapes(layer)
        experts = rows // self.rank(layer)
        return (*([experts] if experts > 1 else []), *((n, m) if self.layers[layer].is_embedding else (m, n)))

    def change(self, layer: str, experts: slice = slice(None)) -> Tensor:
        """s B A, in the sizes of `shape_of_change`. Of DoRA it is the change before rows are rescaled."""
        A, B = self.factors(layer)
        if len(self.shape_of_change(layer)) == 3:
            A, B = A.unflatten(0, (-1, self.rank(layer)))[experts], B.unflatten(1, (self.rank(layer), -1))[..., experts]
            B = B.movedim(2, 0)
        change = self.scale(layer) * (B @ A)
        return change.mT if self.layers[layer].is_embedding else change

    def merged(self, layer: str, W: Tensor, *, in_first: bool = False, experts: slice = slice(None)) -> Tensor:
        """What a layer's matrix becomes, in float32.

        Args:
            layer: its name.
            W: the base's, (out, in), or (in, out) if `in_first`.
            in_first: as Conv1D of GPT-2 stores it.
            experts: of a stack, those that W holds.

        Raises:
            CheckpointError: the base's has other sizes.
        """
        change = self.change(layer, experts)
        change = change.mT if in_first else change
        if change.shape != W.shape:
            raise self._refusal(f"{layer} of sizes {tuple(change.shape)} in its base", tuple(W.shape))
        merged = W.float() + change
        if not self.rescales(layer):
            return merged
        inputs = 0 if in_first or self.layers[layer].is_embedding else 1
        m = self._files[self.layers[layer].parts["lora_magnitude_vector"]].float()
        return merged * (m / vector_norm(merged, dim=inputs)).unsqueeze(inputs)

    def bias_change(self, layer: str) -> Tensor | None:
        """What is added to a layer's bias, None for nothing."""
        key = self.layers[layer].parts.get("lora_B.bias")
        return None if key is None else self.scale(layer) * self._files[key].float()

    def rank(self, layer: str) -> int:
        """r, which only the settings tell where there are several matrices."""
        rows = self.shapes(layer)[0][0]
        if not self.layers[layer].is_tensor:
            return rows
        rank = self._setting("rank_pattern", "r", rows, layer)
        if not rank >= 1 or rows % rank:
            raise self._refusal(f"a rank that divides the {rows} rows of {layer}", rank)
        return int(rank)

    def scale(self, layer: str) -> float:
        """s."""
        rank = self.rank(layer)
        alpha = self._setting("alpha_pattern", "lora_alpha", rank, layer)
        return alpha / (rank**0.5 if self._config.get("use_rslora") else rank)

    def _setting(self, pattern: str, otherwise: str, usual: int, layer: str) -> float:
        """A number of a layer; a key of a pattern is a regular expression for the end of the layer's name."""
        try:
            named = (self._config.get(pattern) or {}).items()
            fits = [number for ending, number in named if re.fullmatch(rf"(.*\.)?({ending})", layer)]
            return float([*fits, self._config.get(otherwise, usual)][0])
        except (re.error, AttributeError, TypeError, ValueError) as error:
            raise self._refusal(f"{pattern} of regular expressions and numbers", error) from error

    def _tensor_of(self, layer: str, targets: list[str]) -> str:
        """The name of the tensor that a module's factors change, where they are of one; else that of the layer."""
        module, *wraps = layer.split(_WRAPPED)
        owners = (target.rpartition(".") for target in targets)
        inside = {name for owner, _, name in owners if f".{module}".endswith(f".{owner}")}
        if not inside:
            return layer
        order = list(inside) if len(inside) == 1 else [name for name in _EXPERTS if name in inside]
        if len(order) < len(inside) or len(wraps) >= len(order):
            raise self._refusal(f"target_parameters {' and '.join(_EXPERTS)} of {module}", ", ".join(sorted(inside)))
        self.layers[layer].is_tensor = True
        return f"{module}.{order[-1 - len(wraps)]}"

    def _check_kind(self) -> None:
        kind, start = self._config.get("peft_type"), str(self._config.get("init_lora_weights", "")).lower()
        if kind != "LORA":
            raise self._refusal("a LoRA adapter", f"peft_type {kind!r}")
        if start.startswith(_ON_A_RESIDUAL):
            do = "save it with path_initial_model_for_weight_conversion, which makes it a plain LoRA of the base"
            raise self._refusal("an adapter of the base model itself", f"one of what {start} left of it", do)
        for name in _OTHERS:
            if self._config.get(name):
                raise self._refusal("a LoRA adapter of whole matrices", f"{name} = {self._config[name]!r}"[:80])

    def _check_factors(self, layer: str) -> None:
        parts = self.layers[layer].parts
        kinds = [kind for kind in ("lora_", "lora_embedding_") if f"{kind}A" in parts or f"{kind}B" in parts]
        kind = kinds[0] if kinds else "lora_"
        for part in (f"{kind}A", f"{kind}B"):
            if part not in parts:
                raise self._refusal(f"{layer}.{part}.weight", "only its other factor")
        A, B = self.shapes(layer)
        if len(A) != 2 or len(B) != 2 or B[1] != A[0]:
            got = f"A {A} and B {B}"
            raise CheckpointError(explain(f"{self._where}, {layer}", expected="A (r, n) and B (m, r)", got=got))
        if self.rescales(layer) and (m := self._files.shape(parts["lora_magnitude_vector"])) != B[:1]:
            raise self._refusal(f"lengths ({B[0]},) of the rows of {layer}", m)

    def _refusal(self, expected: str, got: Any, do: str = "") -> CheckpointError:
        return CheckpointError(explain(self._where, expected=expected, got=got, do=do))


class AdapterChanges(TensorSource):
    """The change W' - W of each tensor that an adapter touches.

    Args:
        adapter: that was read.
        base: the tensors of its base model, None where they are not at hand; what needs them is then refused one by
            one, with a `DataError`.
    """

    def __init__(self, adapter: Adapter, base: TensorSource | None) -> None:
        self._adapter, self._base = adapter, base
        super().__init__(dict.fromkeys([*map(adapter.tensor, adapter.layers), *adapter.whole]))

    def __getitem__(self, name: str) -> Tensor:
        adapter, layer = self._adapter, self._adapter.layer_of(name)
        if name not in adapter.whole and not adapter.rescales(layer):
            return adapter.change(layer)
        if self._base is None or name not in self._base:
            do = "put the base model where adapter_config.json says it is"
            got = f"no such tensor at {adapter.base!r}"
            raise DataError(explain(f"the change of {name}", expected="the base model's", got=got, do=do))
        before = self._base[name].float()
        after = adapter.whole_tensor(name).float() if name in adapter.whole else before
        if after.shape != before.shape:
            got = f"{tuple(before.shape)}"
            raise DataError(explain(f"the change of {name}", expected=f"a base of sizes {tuple(after.shape)}", got=got))
        return (adapter.merged(layer, after, in_first=adapter.in_first) if layer in adapter.layers else after) - before

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of the change: outputs by inputs."""
        if name in self._adapter.whole:
            return self._adapter.shape_of_whole(name)
        return self._adapter.shape_of_change(self._adapter.layer_of(name))

    def storage(self, name: str) -> str:
        """How the factors are stored, and their rank: `F32, rank 8`."""
        stored, _ = self._adapter.stored(name)
        if name in self._adapter.whole:
            return stored
        return f"{stored}, rank {self._adapter.rank(self._adapter.layer_of(name))}"

    def num_bytes(self, name: str) -> int:
        """Bytes in the adapter's file."""
        return self._adapter.stored(name)[1]
