"""The matrices of a module that compression may touch."""

from torch import nn

from eigenlm.errors import ConfigError, explain

# A vocabulary's matrix: its output Gram alone would be (V, V).
_WIDEST = 16384


def linears(module: nn.Module) -> dict[str, nn.Linear]:
    """Every `nn.Linear` under its name, but those as wide as a vocabulary and those that share their weight.

    Raises:
        ConfigError: the module has none.
    """
    found = {name: layer for name, layer in module.named_modules() if isinstance(layer, nn.Linear)}
    others = {
        id(p) for name, part in module.named_modules() if name not in found for p in part.parameters(recurse=False)
    }
    kept = {
        name: layer
        for name, layer in found.items()
        if max(layer.weight.shape) <= _WIDEST and id(layer.weight) not in others
    }
    if not kept:
        raise ConfigError(
            explain("compression", expected="a module with linear layers", got="none that can be factored")
        )
    return kept
