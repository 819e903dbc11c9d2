"""A run that goes on with a model begins with its numbers and its tokens; truth is transformers on the same tokens."""

import shutil
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import eigenlm
from eigenlm.checkpoint import write_gguf
from eigenlm.errors import CheckpointError, ConfigError, DataError
from eigenlm.linear.low_rank import LowRankLinear
from eigenlm.tasks.language_modelling import token_nll
from eigenlm.text.batches import Batches
from eigenlm.training import Recipe, read_recipe, started_from, train, with_changes
from eigenlm.training.data import prepare_data
from tests.conftest import CONTEXT, TEMPLATE
from tests.training.tiny_run import bits_of, log_of, stop_after, tiny_recipe

pytestmark = pytest.mark.usefixtures("no_rates")
Capture = pytest.CaptureFixture[str]
FINETUNE = Path(__file__).parent.parent.parent / "recipes" / "finetune.py"
FEW = (
    *("train.steps=4", "train.eval_every=4", "train.eval_tokens=64", "train.sample_every=0", "train.keep_last=1"),
    *("telemetry.every=0", "telemetry.spectrum_every=0", "train.micro_batch_size=None"),
)


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "tiny"))


def recipe_from(model: Path, documents: Path, *changes: str) -> Recipe:
    return with_changes(started_from(tiny_recipe(documents, *FEW), model), changes)


def test_it_begins_with_the_models_numbers_and_gets_better(tiny_model: Path, documents: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    recipe = recipe_from(tiny_model, documents)
    outcome = train(recipe, tmp_path)
    tokenizer, shards = prepare_data(recipe, tmp_path)
    first = Batches(shards.train, recipe.context_length, recipe.train.batch_size, recipe.train.seed).batch(0)
    losses = [line["loss"] for line in log_of(tmp_path) if "loss" in line]

    peer = transformers.LlamaForCausalLM.from_pretrained(tiny_model)
    with torch.no_grad():
        expected = F.cross_entropy(peer(first.ids).logits.flatten(0, 1), first.targets.flatten())
    assert losses[0] == pytest.approx(float(expected), rel=1e-6)  # sums in another order

    lm = eigenlm.load(tiny_model)
    rows_BT1 = torch.cat([first.ids, first.targets[:, -1:]], dim=1)
    with torch.no_grad():
        scored = torch.stack([token_nll(lm.model(row[None])[0], row) for row in rows_BT1])
    assert losses[0] == pytest.approx(float(scored.mean()), rel=1e-6)

    assert losses[-1] < losses[0] - 0.1
    assert outcome.model is not None
    made = eigenlm.load(outcome.model)
    assert made.config == lm.config
    assert made.tokenizer.fingerprint == tokenizer.fingerprint == lm.tokenizer.fingerprint
    assert made.chat_template is not None
    assert made.chat_template.source == TEMPLATE
    assert made.generation == lm.generation


def test_a_run_that_was_stopped_comes_to_the_same_bits(model: Path, documents: Path, tmp_path: Path) -> None:
    recipe = recipe_from(model, documents)
    train(recipe, tmp_path / "whole")
    train(recipe, tmp_path / "parts", stop=stop_after(3))
    shutil.rmtree(model)  # what is learned is in the run's own folder
    assert train(recipe, tmp_path / "parts").finished
    assert bits_of(tmp_path / "parts") == bits_of(tmp_path / "whole")


def edit_a_weight(model: Path) -> None:
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[-2] ^= 1
    (model / "model.safetensors").write_bytes(weights)


def test_another_model_under_the_same_name(model: Path, documents: Path, tmp_path: Path, capsys: Capture) -> None:
    recipe, run = recipe_from(model, documents), tmp_path / "run"
    train(recipe, run, stop=lambda: True)
    edit_a_weight(model)
    train(recipe, run, stop=stop_after(2))
    assert f"the model is not what {run} began with; going on with its own weights" in capsys.readouterr().err
    shutil.rmtree(run / "snapshots")
    (run / "model").mkdir()
    with pytest.raises(DataError, match="expected the model that it began with, got another model, and no snapshot"):
        train(recipe, run)
    (run / "model").rmdir()  # nothing was learned: it begins anew, with what is there now
    train(recipe, run)
    train(recipe, tmp_path / "fresh")
    assert capsys.readouterr().err == ""
    assert bits_of(run) == bits_of(tmp_path / "fresh")


def test_a_snapshot_of_a_run_from_another_model(model: Path, documents: Path, tmp_path: Path) -> None:
    recipe, one, other = recipe_from(model, documents), tmp_path / "one", tmp_path / "other"
    train(recipe, one, stop=lambda: True)
    edit_a_weight(model)
    train(recipe, other, stop=lambda: True)
    shutil.rmtree(other / "snapshots")
    shutil.copytree(one / "snapshots", other / "snapshots")
    with pytest.raises(CheckpointError, match="expected a snapshot of this run, got one of another"):
        train(recipe, other)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("model.num_layers=1", "model.num_layers: expected 2, as in .*tiny, got 1; leave it as it is there"),
        ("model.attention.num_kv_heads=4", "model.pattern.0.attention.num_kv_heads: expected 2, as in .*, got 4"),
        ("model.context_length=64", f"model.context_length: expected {CONTEXT}, as in .*, got 64"),
        ("tokenizer.path=elsewhere", "tokenizer.path: expected the tokenizer of .*, got elsewhere"),
        ("data.context_length=129", "data.context_length: expected 1 to 128 tokens, got 129"),
        ("data.objective=masked", "expected a model of kind encoder, got decoder"),
    ],
)
def test_a_recipe_that_contradicts_its_model(
    tiny_model: Path, documents: Path, tmp_path: Path, change: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        train(recipe_from(tiny_model, documents, change), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_dropout_is_the_recipes(tiny_model: Path, documents: Path) -> None:
    assert recipe_from(tiny_model, documents, "model.dropout=0.1").model.dropout == 0.1


def test_a_compressed_model_is_refused(tiny_model: Path, documents: Path, tmp_path: Path) -> None:
    lm = eigenlm.load(tiny_model)
    query = lm.model.blocks[0].attention.query
    lm.model.set_submodule("blocks.0.attention.query", LowRankLinear.from_dense(query.weight.detach(), rank=4))
    lm.save(tmp_path / "small")
    told = (
        r"expected whole matrices, got blocks\.0\.attention\.query as low_rank; go on with the model that it was made"
    )
    with pytest.raises(ConfigError, match=told):
        train(recipe_from(tmp_path / "small", documents), tmp_path / "run")


def test_a_gguf_file_and_a_model_of_a_run_are_gone_on_with(tiny_model: Path, documents: Path, tmp_path: Path) -> None:
    lm = eigenlm.load(tiny_model)
    write_gguf(tmp_path / "tiny.gguf", lm.model, storage="Q8_0", tokenizer=lm.tokenizer)
    changes = [f"data.text={str(documents)!r}", "schedule.warmup=0", "train.precision=float32", *FEW]
    recipe = read_recipe(FINETUNE, start=str(tmp_path / "tiny.gguf"), changes=changes)
    assert (recipe.name, recipe.context_length) == ("finetune-tiny", CONTEXT)
    recipe = with_changes(recipe, ["data.context_length=16"])
    first = train(with_changes(recipe, ["train.steps=1"]), tmp_path / "first")
    assert first.model is not None
    again = eigenlm.train(recipe, tmp_path / "again", start=first.model)
    assert again.finished
    losses = [log_of(tmp_path / name)[0]["loss"] for name in ("first", "again")]
    assert losses[0] > losses[1]  # of the same batch, after one step on it


def test_a_vocabulary_with_room_to_spare_stays(tiny_model: Path, documents: Path) -> None:
    assert recipe_from(tiny_model, documents).with_vocabulary(290).model.vocab_size == 300
    assert tiny_recipe(documents).with_vocabulary(290).model.vocab_size == 290


def test_memory_is_asked_for_before_a_weight_is_read(
    tiny_model: Path, documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eigenlm.machine.memory.free_memory", lambda device: 1000)
    monkeypatch.setattr("eigenlm.training.training.started_model", None)
    with pytest.raises(ConfigError, match="training tiny-from-tiny"):
        eigenlm.train(tiny_recipe(documents, *FEW), tmp_path, start=tiny_model)
    assert not (tmp_path / "snapshots").exists()
