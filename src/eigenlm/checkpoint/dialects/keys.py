"""Keys of a format: what the value of one says of one field of ours, and the other way round."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eigenlm.errors import CheckpointError, explain


class Refusal(CheckpointError):
    """A file asks for what eigenlm does not compute.

    Args:
        expected: what it computes.
        got: what the file says.
    """

    def __init__(self, expected: object, got: object) -> None:
        super().__init__(explain("reading a model", expected=expected, got=got))
        self.expected, self.got = expected, got


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Key:
    """A key whose value is one field of ours.

    Attributes:
        name: what the format calls it.
        ours: our value, from the format's.
        theirs: the format's value, from ours.
    """

    name: str
    ours: Callable[[Any], Any] = _same
    theirs: Callable[[Any], Any] = _same


def choice(name: str, meanings: Mapping[Any, Any]) -> Key:
    """A key of a few values.

    Args:
        name: of the key.
        meanings: what each value is called here; of several with one meaning, the first is written.
    """
    written = {ours: theirs for theirs, ours in reversed(list(meanings.items()))}
    alike = len(written) == 1
    expected = f"{name} = {next(iter(meanings))!r}" if alike else f"{name} of {' or '.join(map(str, meanings))}"

    def read(value: Any) -> Any:
        if value not in list(meanings):  # a list, because a value of a file may have no hash
            raise Refusal(expected, repr(value)[:80])
        return meanings[value]

    return Key(name, read, lambda ours: written.get(ours, ours))


# What most families in Hugging Face's format call their sizes.
SIZES = {
    "vocab_size": "vocab_size",
    "context_length": "max_position_embeddings",
    "d_model": "hidden_size",
    "num_layers": "num_hidden_layers",
    "layer.attention.num_heads": "num_attention_heads",
    "layer.feed_forward.d_ff": "intermediate_size",
}
_ACTIVATIONS = {
    "gelu": "gelu",
    **dict.fromkeys(("gelu_new", "gelu_pytorch_tanh", "gelu_fast"), "gelu_tanh"),
    "relu": "relu",
    **dict.fromkeys(("silu", "swish"), "silu"),
}


def activation(name: str) -> Key:
    """A key of an activation, in Hugging Face's names."""
    return choice(name, _ACTIVATIONS)


def biases(attention: bool, output: bool, feed_forward: bool) -> dict[str, bool]:
    """Constants of a family whose biases no key says."""
    return {
        "layer.attention.bias": attention,
        "layer.attention.output_bias": output,
        "layer.feed_forward.bias": feed_forward,
    }


NO_BIAS = biases(False, False, False)
