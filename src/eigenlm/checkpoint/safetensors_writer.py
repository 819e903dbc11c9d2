"""Tensors into one safetensors file."""

import errno
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def save_tensors(tensors: Mapping[str, Tensor], path: Path, format: str = "pt") -> None:
    """Write tensors under their names; one that is a view of a larger one, or of another, is written by itself.

    Raises:
        OSError: the file cannot be written.
    """
    alone: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        storage = plain.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != plain.nbytes:
            plain = plain.clone()
        seen.add(plain.untyped_storage().data_ptr())
        alone[name] = plain
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(alone, path, metadata={"format": format})
        path.chmod(mode)  # safetensors lets only the owner read it
    except SafetensorError as error:
        raise OSError(errno.EIO, str(error)) from error
