"""The memory that writing a model takes beside it."""

import math
from typing import Literal

from eigenlm.checkpoint.families import HUGGING_FACE
from eigenlm.checkpoint.opened import Opened
from eigenlm.checkpoint.room import Work, largest_decoded
from eigenlm.linear import DenseLinear, linear_maps
from eigenlm.text.tokenizer import Tokenizer


def writing(to: Literal["hf", "gguf"]) -> Work:
    """To write a model for other programs: GGUF tensor by tensor, a folder with all its tensors at hand.

    Layers that are not dense are multiplied out at once; what a family of Hugging Face's lays out otherwise is copied.
    """

    def needed(opened: Opened, _: Tokenizer | None, number: int) -> int:
        layers = linear_maps(opened.skeleton).values()
        others = [layer for layer in layers if not isinstance(layer, DenseLinear)]
        whole = sum(layer.out_features * layer.in_features for layer in others) * number
        return whole + (2 * largest_decoded(opened) if to == "gguf" else _copied(opened, number))

    return Work(num_bytes=needed, do="take a smaller model, or a larger machine")


def _copied(opened: Opened, number: int) -> int:
    dialect = HUGGING_FACE.get(opened.family)
    shapes = {name: tensor.shape for name, tensor in opened.skeleton.state_dict().items()}
    if dialect is None:
        return 0
    return sum(number * math.prod(shape) for name, shape in shapes.items() if dialect.place(name).layout)
