"""What a model takes: numbers, bytes of its file, bytes in memory."""

from dataclasses import dataclass

from eigenlm.checkpoint import open_model
from eigenlm.errors import EigenError
from eigenlm.language_model import LanguageModel
from eigenlm.linear import linear_maps
from eigenlm.shown import Shown


@dataclass(frozen=True, kw_only=True)
class Footprint(Shown):
    """What one of two models takes.

    Attributes:
        name: where it was read from.
        num_params: its numbers; codes of quantized matrices are among them.
        file_bytes: bytes of the tensors in its file or folder; None where none holds the model as it is.
        num_bytes: bytes of its weights in memory.
        running_bytes: bytes of its weights and of the copies that a processor reads faster, while it runs.
    """

    name: str
    num_params: int
    file_bytes: int | None
    num_bytes: int
    running_bytes: int

    @classmethod
    def of(cls, lm: LanguageModel) -> "Footprint":
        """What a model takes that is read and ready to run."""
        return cls(
            name=lm.name,
            num_params=lm.num_params,
            file_bytes=_file_bytes(lm),
            num_bytes=lm.num_bytes,
            running_bytes=lm.runner.num_bytes,
        )


def _file_bytes(lm: LanguageModel) -> int | None:
    """Of the file it was read from, unless its layers have become others since then."""
    try:
        opened = open_model(lm.path)
    except EigenError:
        return None
    there, here = (
        {name: layer.spec() for name, layer in linear_maps(model).items()} for model in (opened.skeleton, lm.model)
    )
    return sum(map(opened.tensors.num_bytes, opened.tensors)) if there == here else None
