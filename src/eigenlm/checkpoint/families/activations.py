"""Names of activations."""

from eigenlm.errors import CheckpointError, explain

_OURS = {
    "gelu": "gelu",
    **dict.fromkeys(("gelu_new", "gelu_pytorch_tanh", "gelu_fast"), "gelu_tanh"),
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
_THEIRS = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu", "silu": "silu"}


def ours(family: str, name: str) -> str:
    """Our name of an activation in a Hugging Face config.

    Raises:
        CheckpointError: it is not computed.
    """
    if name not in _OURS:
        raise CheckpointError(
            explain(f"reading a {family} model", expected=f"one of {', '.join(_OURS)}", got=repr(name))
        )
    return _OURS[name]


def theirs(activation: str) -> str:
    """Hugging Face's name of one of ours; one it lacks is given back unchanged and read by nobody."""
    return _THEIRS.get(activation, activation)
