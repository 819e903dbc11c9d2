"""The models of this machine: each by a name under which it is found again."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from eigenlm.checkpoint.here import ModelHere, models_here
from eigenlm.checkpoint.locate import locate
from eigenlm.model_names import PACKAGES


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Path]:
    """The Hub's cache with one model, and a folder of models with several things in it."""
    place = tmp_path_factory.mktemp("here")
    repo = place / "hub" / "models--someone--tiny"
    shutil.copytree(tiny_model, repo / "snapshots" / "0123")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0123")
    models = place / "models"
    shutil.copytree(tiny_model, models / "tiny")
    shutil.copytree(tiny_model, models / "someone" / "deep" / "tiny")
    shutil.copytree(tiny_model, models / ".hidden")
    shutil.copytree(tiny_model, models / "sentences" / "0_Transformer")
    module = {"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}
    (models / "sentences" / "modules.json").write_text(json.dumps([module]))
    (models / "damaged.gguf").write_bytes(b"GGUF")
    (models / "notes.txt").write_text("no model")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(constants, "HF_HUB_CACHE", str(place / "hub"))
        patched.setenv("EIGENLM_MODELS", str(models))
        yield place


@pytest.fixture(scope="module")
def here(place: Path) -> tuple[ModelHere, ...]:
    return models_here()


def found(here: tuple[ModelHere, ...], source: str) -> list[ModelHere]:
    return [model for model in here if model.source == source]


def test_every_name_is_found_again(here, place: Path, monkeypatch) -> None:
    monkeypatch.chdir(place)
    names = {model.name for model in here if model.path.exists()}  # chunks that were never joined are not
    assert names >= {"someone/tiny", "tiny", "someone/deep/tiny", "sentences"}
    assert all(locate(model.name).is_relative_to(model.path) for model in here if model.name in names)


def test_what_is_in_the_model_folder(here, tiny_model: Path) -> None:
    damaged, sentences, deep, tiny = found(here, "model folder")
    assert (sentences.name, sentences.kind) == ("sentences", "decoder")
    assert (damaged.name, damaged.num_bytes, damaged.kind) == ("damaged.gguf", 4, None)
    assert "damaged.gguf" in (damaged.reason or "")
    assert (deep.name, deep.kind) == ("someone/deep/tiny", "decoder")
    assert (tiny.name, tiny.format, tiny.kind, tiny.reason) == ("tiny", "hugging_face", "decoder", None)
    assert tiny.num_bytes == sum(file.stat().st_size for file in tiny_model.iterdir())


def test_what_is_in_the_cache_of_the_hub(here, place: Path, tiny_model: Path) -> None:
    (model,) = found(here, "hub")
    assert (model.name, model.kind) == ("someone/tiny", "decoder")
    assert model.path == place / "hub" / "models--someone--tiny" / "snapshots" / "0123"
    assert model.num_bytes == sum(file.stat().st_size for file in tiny_model.iterdir())


def test_installed_packages(here) -> None:
    assert [model.name for model in found(here, "package")] == [
        name for name, package in PACKAGES.items() if package.paths()
    ]
