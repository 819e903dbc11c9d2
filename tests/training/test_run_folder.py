import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from eigenlm.checkpoint.tokenizer_folder import write_tokenizer
from eigenlm.errors import ConfigError, DataError
from eigenlm.text.tokenizer_training import train_tokenizer
from eigenlm.training import Recipe, train, with_changes
from eigenlm.training.run_folder import disk_errors_told, forget_other_recipe, held, settle_recipe, sweep
from tests.training.tiny_run import WORDS, stop_after, tiny_recipe

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("no_rates")


@pytest.fixture(scope="module")
def begun(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was stopped at step 4; copy it before changing it."""
    folder = tmp_path_factory.mktemp("runs") / "begun"
    train(tiny_recipe(documents), folder, stop=stop_after(4 * 3 + 1))
    return folder


def content(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("train.seed=7", "expected train.seed = 0, as it began, got 7"),
        ("model.dropout=0.2", "expected model.dropout = 0.1, as it began, got 0.2"),
        ("model.attention.head_dim=8", "expected model.pattern.0.attention.head_dim = 16, as it began, got 8"),
        ("tokenizer.vocab_size=280", "expected tokenizer.vocab_size = 300, as it began, got 280"),
    ],
)
def test_another_recipe_is_refused_by_its_field(documents: Path, begun: Path, change: str, told: str) -> None:
    before = content(begun)
    with pytest.raises(ConfigError, match=told) as raised:
        train(tiny_recipe(documents, change), begun)
    assert "give the same recipe to go on, or another --out" in str(raised.value)
    assert content(begun) == before


def test_another_tokenizer_is_refused(documents: Path, begun: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(begun, folder)
    shutil.rmtree(folder / "tokenizer")
    (folder / "tokenizer").mkdir()
    write_tokenizer(folder / "tokenizer", train_tokenizer("bpe", WORDS, 270), None)
    before = content(folder)
    with pytest.raises(DataError, match=r"expected the tokenizer .*, got .*; give the tokenizer that the shards"):
        train(tiny_recipe(documents), folder)
    assert content(folder) == before


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"asked": {}, "settled": {}}', "{}"])
def test_a_damaged_recipe_is_told(documents: Path, begun: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "run"
    shutil.copytree(begun, folder)
    (folder / "recipe.json").write_text(damage)
    with pytest.raises(ValueError, match=r"recipe\.json") as raised:
        train(tiny_recipe(documents), folder)
    assert "\n" not in str(raised.value)


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    with (
        held(tmp_path),
        pytest.raises(ConfigError, match="expected no other, got a run at work; wait"),
        held(tmp_path),
    ):
        pass
    with held(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_what_auto_decided_stays(documents: Path, tmp_path: Path, monkeypatch) -> None:
    recipe: Recipe = tiny_recipe(documents, "train.precision=auto")
    answers: Iterator[str] = iter(["bfloat16", "float32"])
    monkeypatch.setattr("eigenlm.training.run_folder.choose_precision", lambda *_: next(answers))
    first = settle_recipe(recipe, tmp_path, CPU)
    assert first == replace(recipe, train=replace(recipe.train, precision="bfloat16"))
    assert settle_recipe(recipe, tmp_path, CPU) == first
    with pytest.raises(ConfigError, match=r"train\.precision = 'auto', as it began, got 'bfloat16'"):
        settle_recipe(with_changes(recipe, ["train.precision=bfloat16"]), tmp_path, CPU)
    assert json.loads((tmp_path / "recipe.json").read_text())["asked"]["train"]["precision"] == "auto"


def test_a_folder_in_which_nothing_was_learned_takes_another_recipe(documents: Path, tmp_path: Path) -> None:
    first = tiny_recipe(documents, "train.precision=float32")
    settle_recipe(first, tmp_path, CPU)
    for made in ("tokenizer", "shards"):
        (tmp_path / made).mkdir()
    forget_other_recipe(first, tmp_path)
    assert settle_recipe(first, tmp_path, CPU) == first
    assert (tmp_path / "shards").exists()
    other = with_changes(first, ["tokenizer.vocab_size=301"])
    forget_other_recipe(other, tmp_path)
    assert settle_recipe(other, tmp_path, CPU) == other
    assert not (tmp_path / "shards").exists()


def test_leavings_are_swept_and_nothing_else(tmp_path: Path) -> None:
    gone = [
        ".model.abc.partial",
        ".recipe.json.x.partial",
        "snapshots/.step-1.y.partial",
        "snapshots/.step-2.deleted-2",
    ]
    kept = ["snapshots/step-1", "snapshots/damaged-step-2", "model", ".mine", "shards"]
    kept += [".thesis.partial", ".notes.deleted-by-me", "snapshots/.thesis.deleted", "snapshots/.mine.step-1.partial"]
    for name in [*gone, *kept]:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()
    (tmp_path / ".log.jsonl.z.partial").touch()
    sweep(tmp_path)
    assert sorted(str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("file")) == sorted(kept)
    assert not (tmp_path / ".log.jsonl.z.partial").exists()


def test_a_full_disk_is_told_and_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got No space left on device; make room"), disk_errors_told(tmp_path):
        raise OSError(28, "No space left on device")
    with pytest.raises(ConnectionError), disk_errors_told(tmp_path):
        raise ConnectionResetError(104, "Connection reset by peer")


def test_a_place_that_is_no_folder(documents: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="expected a writable place"):
        train(tiny_recipe(documents), tmp_path / "file" / "run")
    with pytest.raises(DataError, match="expected a writable place"):
        train(tiny_recipe(documents), tmp_path / "file")
