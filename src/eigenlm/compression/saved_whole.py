"""What Hugging Face's `save_pretrained` writes of a model with linear layers of ours: the matrices that they apply."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from eigenlm.linear import linear_maps
from eigenlm.observe.foreign import ExpertStack


def saves_whole_(module: nn.Module) -> None:
    """Have `save_pretrained` of a module, and of each model in it, write dense weights, which its class can read."""
    model: Any
    for model in module.modules():
        if hasattr(model, "save_pretrained"):
            # A partial, because a copy of the module then has one of its own.
            model.save_pretrained = partial(_save, model)


def _save(
    model: Any,
    save_directory: Any,
    is_main_process: bool = True,
    state_dict: Mapping[str, Tensor] | None = None,
    **options: Any,
) -> Any:
    whole = _whole(model, model.state_dict() if state_dict is None else state_dict)
    return type(model).save_pretrained(model, save_directory, is_main_process, whole, **options)


def _whole(model: nn.Module, stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names that they had before any layer was replaced."""
    owner = {f"{name}.{part}": name for name, layer in linear_maps(model).items() for part in layer.state_dict()}
    whole = {name: tensor for name, tensor in stored.items() if name not in owner}
    for name in dict.fromkeys(owner[name] for name in stored if name in owner):
        layer: Any = model.get_submodule(name)
        stack = name.rpartition(".")[0]
        experts = model.get_submodule(stack)
        if isinstance(experts, ExpertStack):
            if stack not in whole:
                whole[stack] = experts.dense()
            continue
        W = layer.dense().detach()
        whole[f"{name}.weight"] = W.mT if layer.in_first else W
        if layer.bias is not None:
            whole[f"{name}.bias"] = layer.bias.detach()
    return whole
