"""Mixtures of experts, as parts of a family."""

from typing import Any

from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.keys import Refusal
from eigenlm.checkpoint.dialects.layout import STACKED, rows_of
from eigenlm.checkpoint.dialects.names import GATE_UP, Location, Names
from eigenlm.errors import ConfigError, explain
from eigenlm.model import DenseFeedForward, MixtureConfig, TransformerConfig

EXPERT = "blocks.{i}.feed_forward.experts.{e}"
ROUTER = "blocks.{i}.feed_forward.router"
FILE_EXPERTS = "model.layers.{i}.mlp.experts"
_ROUTERS = tuple(f"{name}.weight" for name in ("block_sparse_moe.gate", "mlp.gate", "mlp.router", "ffn_gate_inp"))
# As transformers 5 holds experts in memory, and writes them with save_original_format=False.
IN_ONE_STACK: Names = {
    ROUTER: "model.layers.{i}.mlp.gate",
    **{
        f"{EXPERT}.{branch}.weight": Location(f"{FILE_EXPERTS}.gate_up_proj", (STACKED, rows_of(branch, GATE_UP)))
        for branch in GATE_UP
    },
    f"{EXPERT}.down.weight": Location(f"{FILE_EXPERTS}.down_proj", (STACKED,)),
}


def experts_of(gate: str, up: str, down: str, *, below: str) -> dict[str, str]:
    """Names of the three matrices of an expert."""
    return {f"{EXPERT}.{branch}": f"{below}.{{e}}.{name}" for branch, name in zip((*GATE_UP, "down"), (gate, up, down))}


def mixture_of(config: TransformerConfig) -> MixtureConfig:
    """The first layer's mixture, among layers of which some may be dense.

    Raises:
        ConfigError: there is none.
    """
    for layer in config.layers:
        if isinstance(layer.feed_forward, MixtureConfig):
            return layer.feed_forward
    raise ConfigError(explain("naming a layer", expected="a mixture of experts", got="none"))


def checked(file: FileReading, count: int) -> int:
    """The number of experts, before so many are made."""
    rows = max((file.tensors.shape(name)[0] for name in file.tensors if name.endswith(_ROUTERS)), default=0)
    if not 0 < count <= rows:
        raise Refusal(f"at most {rows} experts, as the router has rows", count)
    return count


EQUAL_EXPERTS = FamilyPart(
    lambda file: {
        "layer.feed_forward.num_experts": checked(file, file.values["num_local_experts"]),
        "layer.feed_forward.top_k": file.values["num_experts_per_tok"],
    },
    lambda config: {
        "num_local_experts": mixture_of(config).num_experts,
        "num_experts_per_tok": mixture_of(config).top_k,
    },
)


def gguf_experts(*, dense_too: bool = False) -> FamilyPart:
    """Experts in GGUF, in one tensor a branch.

    Args:
        dense_too: whether a model without experts is of this architecture as well.
    """

    def read(file: FileReading) -> dict[str, Any]:
        count = file.values.get("expert_count", 0) if dense_too else file.values["expert_count"]
        if dense_too and not count:
            return {}
        return {
            "layer.feed_forward.kind": "mixture",
            "layer.feed_forward.num_experts": checked(file, count),
            "layer.feed_forward.top_k": file.values["expert_used_count"],
        }

    def write(config: TransformerConfig) -> dict[str, Any]:
        if dense_too and isinstance(config.layers[0].feed_forward, DenseFeedForward):
            return {}
        mixture = mixture_of(config)
        return {"expert_count": mixture.num_experts, "expert_used_count": mixture.top_k}

    experts = {
        f"{EXPERT}.{branch}.{leaf}": Location(f"blk.{{i}}.ffn_{branch}_exps.{leaf}", (STACKED,))
        for branch in (*GATE_UP, "down")
        for leaf in ("weight", "bias")
    }
    names: Names = {ROUTER: "blk.{i}.ffn_gate_inp", **experts}
    return FamilyPart(read, write, names=lambda config: names)
