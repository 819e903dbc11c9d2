"""That something is there does not make it what the run made: what differs is told, what is missing is made again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from eigenlm.errors import ConfigError, DataError, EigenError
from eigenlm.training import train
from eigenlm.training.data import prepare_data
from eigenlm.training.inputs import check_inputs
from eigenlm.training.run_folder import settle_recipe
from tests.training.tiny_run import bits_of, log_of, stop_after, tiny_recipe

pytestmark = pytest.mark.usefixtures("no_rates")
Capture = pytest.CaptureFixture[str]
SHORT = ("train.steps=4", "train.micro_batch_size=None", "telemetry.every=0", "telemetry.spectrum_every=0")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, documents: Path) -> Path:
    """A text and the folder of a finished run on it; copy both before changing them."""
    here = tmp_path_factory.mktemp("finished")
    shutil.copy(documents, here / "text.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eigenlm.training.loop.product_rate", lambda *_: 1.0)
        train(tiny_recipe(here / "text.jsonl", *SHORT), here / "run")
    return here


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished / "run", tmp_path / "run"))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edited(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def without_snapshots(run: Path) -> None:
    shutil.rmtree(run / "snapshots")


@pytest.mark.parametrize(
    ("change", "setting", "told"),
    [
        (without_snapshots, "optimizer.learning_rate=0.005", "expected optimizer.learning_rate = 0.003, as it began"),
        (lambda run: edited(run / "recipe.json", '"settled": {', '"settled": {"depth": 3,'), None, "'depth'"),
        (lambda run: edited(run / "recipe.json", '0.003,\n   "other', '0.004,\n   "other'), None, "0.004"),
        (lambda run: cut(run / "log.jsonl"), None, "expected the log as written, got another"),
        (lambda run: edited(run / "log.jsonl", '"loss": ', '"loss": 1'), None, "expected the log as written"),
        (lambda run: edited(run / "shards" / "manifest.json", '"seed": 0', '"seed": 1'), None, "the shards it began"),
    ],
)
def test_what_differs_is_told_and_stays(
    finished: Path, run: Path, change: Callable[[Path], None], setting: str | None, told: str
) -> None:
    change(run)
    before = content(run)
    with pytest.raises(EigenError, match=told):
        train(tiny_recipe(finished / "text.jsonl", *SHORT, *([setting] if setting else [])), run)
    assert content(run) == before


def test_settled_fields_are_those_of_the_run(finished: Path, run: Path) -> None:
    values = json.loads((run / "recipe.json").read_text())
    values["settled"]["train"]["precision"] = "bfloat16"
    (run / "recipe.json").write_text(json.dumps(values))
    with pytest.raises(ConfigError, match=r"expected recipe\.json as written, got an edited one"):
        train(tiny_recipe(finished / "text.jsonl", *SHORT), run)


@pytest.mark.parametrize("damaged", ["empty", "truncated", "of another run", "edited beside the weights"])
def test_a_model_that_is_not_the_runs_is_made_again(finished: Path, run: Path, capsys: Capture, damaged: str) -> None:
    model = run / "model"
    if damaged == "empty":
        shutil.rmtree(model)
        model.mkdir()
    elif damaged == "truncated":
        cut(model / "model.safetensors")
    elif damaged == "edited beside the weights":
        edited(model / "chat_template.jinja", "content", "role")
    else:
        (model / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes()[:-4] + b"\0\0\0\x40")
    before = content(model)
    train(tiny_recipe(finished / "text.jsonl", *SHORT), run)
    assert bits_of(run) == bits_of(finished / "run")
    assert content(run / "model-before") == before
    assert "is not what this run made" in capsys.readouterr().err
    train(tiny_recipe(finished / "text.jsonl", *SHORT), run)
    assert capsys.readouterr().err == ""


def test_a_snapshot_of_another_run_is_not_gone_on_from(finished: Path, tmp_path: Path) -> None:
    """Before the first step no log tells the two apart; nor is there a recipe to differ from, where that is gone."""
    mine, other = (tiny_recipe(finished / "text.jsonl", *SHORT, f"train.seed={seed}") for seed in (0, 1))
    for recipe, folder in ((mine, tmp_path / "mine"), (other, tmp_path / "other")):
        train(recipe, folder, stop=lambda: True)
    before = content(tmp_path / "mine")
    (tmp_path / "mine" / "recipe.json").unlink()
    with pytest.raises(EigenError, match="expected a snapshot of this run, got one of another"):
        train(other, tmp_path / "mine")
    (tmp_path / "mine" / "recipe.json").write_bytes(before["recipe.json"])
    shutil.rmtree(tmp_path / "mine" / "snapshots")
    shutil.copytree(tmp_path / "other" / "snapshots", tmp_path / "mine" / "snapshots")
    with pytest.raises(EigenError, match="expected a snapshot of this run, got one of another"):
        train(mine, tmp_path / "mine")


def test_a_log_that_is_gone_is_told_in_the_next(finished: Path, run: Path) -> None:
    (run / "log.jsonl").unlink()
    train(tiny_recipe(finished / "text.jsonl", *SHORT), run)
    assert log_of(run) == [{"step": 4, "event": "the log up to here is gone"}]


def test_another_text(documents: Path, tmp_path: Path, capsys: Capture) -> None:
    text, folder = Path(shutil.copy(documents, tmp_path / "text.jsonl")), tmp_path / "run"
    recipe = tiny_recipe(text, *SHORT)
    folder.mkdir()
    check_inputs(settle_recipe(recipe, folder, torch.device("cpu")), folder)
    prepare_data(recipe, folder)  # and killed before anything was learned
    with text.open("a") as file:
        file.write(json.dumps({"text": "another word altogether " * 40}) + "\n")
    train(recipe, folder, stop=stop_after(2))
    train(recipe, tmp_path / "fresh", stop=stop_after(2))
    made = [f"{name}/{file}" for name, file in (("tokenizer", "tokenizer.json"), ("shards", "train-00000.bin"))]
    assert all((folder / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes() for name in made)
    assert capsys.readouterr().err == ""

    with text.open("a") as file:
        file.write(json.dumps({"text": "and one more"}) + "\n")
    train(recipe, folder, stop=stop_after(1))
    assert "going on with its own shards" in capsys.readouterr().err
    shutil.rmtree(folder / "shards")
    with pytest.raises(DataError, match="expected the text that it began with"):
        train(recipe, folder)
    assert not (folder / "shards").exists()


def test_a_tokenizer_of_the_users_own_is_not_taken(documents: Path, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "run" / "tokenizer", tmp_path / "tokenizer")
    before = content(tmp_path / "tokenizer")
    with pytest.raises(DataError, match="got a folder tokenizer of something else"):
        train(tiny_recipe(documents, *SHORT), tmp_path)
    assert content(tmp_path / "tokenizer") == before


def test_another_number_of_threads_is_told(finished: Path, run: Path, capsys: Capture, monkeypatch) -> None:
    threads = torch.get_num_threads()
    monkeypatch.setattr("torch.get_num_threads", lambda: threads + 3)
    train(tiny_recipe(finished / "text.jsonl", *SHORT), run)
    told = f"was trained with {threads} threads and goes on with {threads + 3}"
    assert told in capsys.readouterr().err
