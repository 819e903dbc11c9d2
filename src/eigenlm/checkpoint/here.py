"""The models that can be opened here without a path: installed packages, the model folder, and the Hub's cache."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eigenlm.checkpoint.locate import place_joined
from eigenlm.checkpoint.opened import Opened
from eigenlm.checkpoint.read import open_any
from eigenlm.errors import EigenError
from eigenlm.model_names import PACKAGES
from eigenlm.settings import setting

_DEPTH = 3  # folders in folders of the model folder, as of OWNER/NAME/FILE.gguf


@dataclass(frozen=True, kw_only=True)
class ModelHere:
    """A model by the name that `load` takes.

    Attributes:
        name: as `load` takes it.
        source: where it was found: `package`, `model folder` or `hub`.
        path: the folder or file.
        num_bytes: on disk.
        format: `eigenlm`, `hugging_face` or `gguf`; None where it was not opened.
        kind: `decoder`, `encoder`, `encoder_decoder`, or `matrices` for what can be looked at but not run; None where
            it was not opened.
        reason: why it cannot be run, or was not opened.
    """

    name: str
    source: str
    path: Path
    num_bytes: int
    format: str | None = None
    kind: str | None = None
    reason: str | None = None


def models_here() -> tuple[ModelHere, ...]:
    """All of them; no tensor is read, and nothing is fetched.

    Raises:
        ConfigError: the settings, which may name a model folder, cannot be read.
    """
    return (*_packages(), *_in_folder(setting("models").value), *_on_hub())


def _packages() -> Iterator[ModelHere]:
    for name, package in PACKAGES.items():
        if paths := package.paths():
            path = paths[0] if len(paths) == 1 else place_joined(name)
            told = _told(path) if path.exists() else {"format": "gguf", "reason": "it is joined when it is first read"}
            yield ModelHere(name=name, source="package", path=path, num_bytes=sum(map(_size, paths)), **told)


def _in_folder(models: Path | None) -> Iterator[ModelHere]:
    if models is None:
        return
    for here, folders, files in os.walk(models, followlinks=True):
        place = Path(here)
        is_model = place != models and not {"config.json", "modules.json"}.isdisjoint(files)
        deep = len(place.relative_to(models).parts) == _DEPTH
        folders[:] = [] if is_model or deep else sorted(name for name in folders if not name.startswith("."))
        paths = [place] if is_model else [place / name for name in sorted(files) if name.endswith(".gguf")]
        for path in paths:
            name = str(path.relative_to(models))
            yield ModelHere(name=name, source="model folder", path=path, num_bytes=_size(path), **_told(path))


def _on_hub() -> Iterator[ModelHere]:
    try:
        from huggingface_hub import CacheNotFound, constants, scan_cache_dir

        repos = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except (ImportError, CacheNotFound):
        return
    for repo in sorted(repos, key=lambda repo: repo.repo_id):
        revision = repo.refs.get("main")
        if repo.repo_type == "model" and revision is not None:
            path = revision.snapshot_path
            size = revision.size_on_disk
            yield ModelHere(name=repo.repo_id, source="hub", path=path, num_bytes=size, **_told(path))


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _told(path: Path) -> dict[str, Any]:
    """What opening a model tells of it."""
    try:
        opened = open_any(path)
    except EigenError as error:
        return {"reason": str(error)}
    if isinstance(opened, Opened):
        return {"format": opened.format, "kind": opened.config.kind}
    format = "gguf" if opened.path.suffix == ".gguf" else "hugging_face"
    return {"format": format, "kind": "matrices", "reason": opened.reason}
