"""The linear layers of a module, whoever wrote it."""

from torch import nn

from eigenlm.errors import ConfigError, explain

# A vocabulary's matrix: its output Gram alone would be (V, V).
_WIDEST = 16384


def linears(module: nn.Module, widest: int | None = _WIDEST) -> dict[str, nn.Linear]:
    """Every `nn.Linear` under its name, but those wider than `widest` and those that share an embedding's weight.

    Args:
        module: where they are.
        widest: the most rows or columns; by default less than a vocabulary has, None for any number.

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
        if (widest is None or max(layer.weight.shape) <= widest) and id(layer.weight) not in others
    }
    if not kept:
        raise ConfigError(
            explain("linear layers", expected="a module with some, apart from its vocabulary's", got="none")
        )
    return kept
