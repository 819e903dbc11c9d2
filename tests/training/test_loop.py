import hashlib
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

import eigenlm
from eigenlm.errors import ConfigError, DataError
from eigenlm.text.batches import IGNORED, validation_rows
from eigenlm.training import Recipe, Watcher, train
from eigenlm.training.evaluation import evaluate
from eigenlm.training.training import Training
from tests.training.tiny_run import bits_of, log_of, names_of, stop_after, tiny_recipe

pytestmark = pytest.mark.usefixtures("no_rates")

FAR = ("train.eval_every=1000", "train.save_every=1000", "train.sample_every=0")
LOUD = ("optimizer.kind=sgd", "optimizer.learning_rate=0.05", "optimizer.clip=0.0", "train.micro_batch_size=None")


class Spoiling(Watcher):
    """Multiplies the gradients of some batches, and passes over others from the beginning."""

    def __init__(self, batches: tuple[int, ...] = (), factor: float = 1.0, passed_over: tuple[int, ...] = ()) -> None:
        self.batches, self.factor, self.passed_over = batches, factor, passed_over
        self.training: Training | None = None

    def began(self, training: Training, folder: Path, resumed: bool, peak_flops: float) -> None:
        self.training = training
        for batch in self.passed_over:
            training.pass_over(batch)

        def spoilt(gradient: Tensor) -> Tensor:
            return gradient * self.factor if training.position.batch in self.batches else gradient

        for parameter in training.model.parameters():
            parameter.register_hook(spoilt)


def weights_of(folder: Path) -> str:
    return hashlib.sha256((folder / "model" / "model.safetensors").read_bytes()).hexdigest()


def test_nan_gradients_leave_the_weights_alone_and_the_log_says_so(documents: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(documents, "train.save_every=4")
    outcome = train(recipe, tmp_path / "nan", watcher=Spoiling((3, 7), math.nan))
    assert outcome.finished
    assert outcome.step == recipe.train.steps
    lines = [line for line in log_of(tmp_path / "nan") if "loss" in line]
    assert [line["batch"] for line in lines if not line["taken"]] == [3, 7]
    assert [line["batch"] for line in lines if "not finite" in str(line.get("alarms"))] == [3, 7]
    assert {line["gradient_norm"] for line in lines if not line["taken"]} == {"nan"}
    # The same as a run that never meets these batches.
    train(recipe, tmp_path / "without", watcher=Spoiling(passed_over=(3, 7)))
    assert weights_of(tmp_path / "nan") == weights_of(tmp_path / "without")


@pytest.mark.parametrize("save_every", [5, 1000])
def test_a_spike_is_undone_and_its_batches_passed_over(documents: Path, tmp_path: Path, save_every: int) -> None:
    changes = (*FAR, *LOUD, "train.steps=30", f"train.save_every={save_every}")
    recipe = tiny_recipe(documents, *changes)
    train(recipe, tmp_path / "spike", watcher=Spoiling((20,), 1e4))
    events = [line["event"] for line in log_of(tmp_path / "spike") if "event" in line]
    # Batch 20 spoils the weights; three losses far off follow, and then it is sure. Step 0 is always saved.
    assert events == [f"back to step {20 if save_every == 5 else 0}; batches 20 to 23 will be passed over"]
    train(recipe, tmp_path / "without", watcher=Spoiling(passed_over=(20, 21, 22, 23)))
    assert weights_of(tmp_path / "spike") == weights_of(tmp_path / "without")


def test_without_rollback_a_spike_stays(documents: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(documents, *FAR, *LOUD, "train.steps=26", "telemetry.rollback=False")
    train(recipe, tmp_path, watcher=Spoiling((20,), 1e4))
    lines = log_of(tmp_path)
    assert not [line for line in lines if "event" in line]
    assert [alarm["kind"] for line in lines for alarm in line.get("alarms", []) if alarm["severe"]] == ["loss spike"]


class Ruining(Watcher):
    """Makes a weight NaN, once."""

    def began(self, training: Training, folder: Path, resumed: bool, peak_flops: float) -> None:
        with torch.no_grad():
            training.model.embedding.token.weight[0, 0] = math.nan


def test_a_run_that_diverges_stops_with_advice_and_keeps_its_snapshots(documents: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(documents)
    train(recipe, tmp_path, stop=stop_after(4 * 3))
    before = names_of(tmp_path)
    with pytest.raises(
        ConfigError, match="expected a run that learns, got 11 batches without a usable step; lower opt"
    ):
        train(recipe, tmp_path, watcher=Ruining())
    assert names_of(tmp_path) == before
    assert train(recipe, tmp_path).finished


def test_the_newest_snapshots_and_the_best_are_kept(documents: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(documents, "train.keep_last=2", "train.save_every=2", "train.sample_every=0")
    train(recipe, tmp_path)
    scores = {line["step"]: line["validation"]["nll"] for line in log_of(tmp_path) if "validation" in line}
    best = min(scores, key=lambda step: scores[step])
    kept = {int(name.split("-")[1]) for name in names_of(tmp_path)}
    assert set(scores) == {4, 8, 12}
    assert kept == {10, 12, best}


def test_after_the_end_nothing_changes(documents: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(documents)
    train(recipe, tmp_path)
    before = bits_of(tmp_path)
    time = (tmp_path / "model").stat().st_mtime_ns
    outcome = train(recipe, tmp_path)
    assert outcome.finished
    assert outcome.step == recipe.train.steps
    assert outcome.model == tmp_path / "model"
    assert outcome.evaluation is None
    assert bits_of(tmp_path) == before
    assert (tmp_path / "model").stat().st_mtime_ns == time


def test_what_comes_out_is_a_model_and_logs(documents: Path, tmp_path: Path) -> None:
    outcome = train(tiny_recipe(documents), tmp_path)
    assert outcome.model is not None
    assert eigenlm.load(outcome.model).generate("the matrix", max_tokens=3)
    lines = log_of(tmp_path)
    assert [line["step"] for line in lines if "sample" in line] == [6, 12]
    assert all(len(line["sample"]) > 0 for line in lines if "sample" in line)
    assert [line["step"] for line in lines if "loss" in line] == list(range(12))
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))
    assert len((tmp_path / "timing.jsonl").read_text().splitlines()) == 12
    assert not list(tmp_path.glob(".*.partial"))


def test_samples_of_a_context_shorter_than_a_prompt(documents: Path, tmp_path: Path) -> None:
    outcome = train(tiny_recipe(documents, "model.context_length=4", "train.steps=6"), tmp_path)
    assert outcome.finished


class Scoring(Watcher):
    """Scores the finished model twice more, and by hand."""

    def evaluated(self, evaluation, is_best: bool) -> None:
        self.last = evaluation

    def began(self, training: Training, folder: Path, resumed: bool, peak_flops: float) -> None:
        self.training = training


def test_a_score_is_the_same_each_time_and_that_of_a_plain_loop(documents: Path, tmp_path: Path) -> None:
    watcher = Scoring()
    train(tiny_recipe(documents, "train.eval_tokens=100000", "train.label_smoothing=0.1"), tmp_path, watcher=watcher)
    again = evaluate(watcher.training)
    assert again == watcher.last == evaluate(watcher.training)
    training, total, count = watcher.training, 0.0, 0
    model = training.model.double().eval()
    for batch in validation_rows(training.shards.validation, 16, 1):
        with torch.no_grad():
            logits = model(batch.ids)
        total += float(cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="sum"))
        count += int((batch.targets != IGNORED).sum())
    assert again.num_targets == count
    # The loop adds up float32 losses of some hundred targets; float64 is the truth.
    assert again.nll == pytest.approx(total / count, rel=1e-5)
    num_bytes = training.shards.validation.num_bytes
    # The first token of the stream is no target, and the ends of documents spell no byte.
    assert again.bits_per_byte == pytest.approx(total / math.log(2) / num_bytes, rel=0.02)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ("train.batch_size=0", ConfigError, "train.batch_size: expected at least 1, got 0"),
        ("model.attention.num_kv_heads=3", ConfigError, "expected key/value heads that divide the heads"),
        ("model.kind=encoder", ConfigError, "objective 'next_token': expected a model of kind decoder"),
        ("tokenizer.vocab_size=10", ConfigError, "vocab_size >= 257"),
        ("data.validation=0.0", ConfigError, "data.validation: expected a fraction between 0 and 1"),
        ("optimizer.learning_rate=-1.0", ConfigError, "optimizer.learning_rate: expected a positive number"),
    ],
)
def test_a_recipe_that_makes_no_run(documents: Path, tmp_path: Path, change: str, error: type, told: str) -> None:
    with pytest.raises(error, match=told) as raised:
        train(tiny_recipe(documents, change), tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_corpus(tmp_path: Path, text: str) -> None:
    (tmp_path / "empty.txt").write_text(text)
    with pytest.raises(DataError, match="text"):
        train(tiny_recipe(tmp_path / "empty.txt"), tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [".lock", "recipe.json"]


def test_too_little_text_to_keep_some_apart(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("a")
    with pytest.raises(DataError, match="expected at least 2 characters, got 1"):
        train(tiny_recipe(tmp_path / "short.txt"), tmp_path / "run")


def test_a_shard_that_is_cut_short(documents: Path, tmp_path: Path) -> None:
    recipe: Recipe = tiny_recipe(documents)
    train(recipe, tmp_path, stop=stop_after(8))
    before = names_of(tmp_path)
    shard = tmp_path / "shards" / "train-00000.bin"
    content = bytearray(shard.read_bytes())
    content[10] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"train-00000.bin: expected the checksum it was written with, got another"):
        train(recipe, tmp_path)
    shard.write_bytes(content[:-2])
    with pytest.raises(DataError, match=r"train-00000.bin: expected .* bytes, got"):
        train(recipe, tmp_path)
    assert names_of(tmp_path) == before
    content[10] ^= 1
    shard.write_bytes(content)
    assert train(recipe, tmp_path).finished
