"""A run stopped twice, inside steps, comes to the same bits as one that was not; benchmarks/resume.py has more."""

from pathlib import Path

import pytest

from eigenlm.checkpoint.tokenizer_folder import write_tokenizer
from eigenlm.machine.processes import Ranks
from eigenlm.text.tokenizer_training import train_tokenizer
from eigenlm.training import Recipe, Watcher, train
from eigenlm.training.data import prepare_data
from eigenlm.training.schedules import factor
from eigenlm.training.snapshots import load_snapshot
from eigenlm.training.training import Training
from tests.training.tiny_run import WORDS, bits_of, log_of, names_of, stop_after, tiny_recipe

pytestmark = pytest.mark.usefixtures("no_rates")

SMOOTH = ("train.label_smoothing=0.1", "train.z_loss=1e-4")
CASES = {
    "adamw": ("telemetry.hessian_every=5", *SMOOTH),
    "muon in bfloat16, separate documents": (
        "optimizer.kind=muon",
        "train.precision=bfloat16",
        "data.documents=separate",
        "train.keep_last=1",
    ),
    "soap, uneven micro-batches": ("optimizer.kind=soap", "train.micro_batch_size=4", "telemetry.every=1"),
    # The pooler gets no gradient, and nothing is there to be kept of it.
    "shampoo, masked": (
        "optimizer.kind=shampoo",
        "data.objective=masked",
        "model.kind=encoder",
        "model.pooler=True",
    ),
    "sgd, denoising": (
        "optimizer.kind=sgd",
        "optimizer.learning_rate=0.05",
        "data.objective=denoising",
        "model.kind=encoder_decoder",
        "model.num_encoder_layers=1",
        *SMOOTH,
    ),
}


@pytest.fixture(scope="module")
def wordpiece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizers") / "wordpiece"
    folder.mkdir()
    write_tokenizer(folder, train_tokenizer("wordpiece", [" ".join(WORDS)], 60), None)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_stopped_twice_inside_steps(documents: Path, wordpiece: Path, tmp_path: Path, name: str) -> None:
    tokenizer = [f"tokenizer.path={str(wordpiece)!r}"] if "masked" in name else []
    recipe = tiny_recipe(documents, "train.steps=9", *CASES[name], *tokenizer)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(recipe, whole)
    # Questions are asked before each step and between its micro-batches: 3 a step, or 2 of uneven ones.
    micro_batches = 3 if recipe.train.micro_batch_size == 2 else 2
    for count in (4 * micro_batches + 2, 3 * micro_batches):
        assert not train(recipe, parts, stop=stop_after(count)).finished
        assert not names_of(parts)[-1].endswith("-0000")
        assert names_of(parts)[-1].endswith("-stopped")
    assert train(recipe, parts).finished
    assert bits_of(parts) == bits_of(whole)


def test_a_step_begun_by_one_process_is_begun_anew_by_several(documents: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(documents)
    assert not train(recipe, tmp_path, stop=stop_after(5)).finished
    snapshot = tmp_path / "snapshots" / names_of(tmp_path)[-1]
    data = prepare_data(recipe, tmp_path)
    alone, several = (Training(recipe, *data, ranks) for ranks in (Ranks(), Ranks(size=2)))
    for training in (alone, several):
        load_snapshot(snapshot, training)
    assert (alone.position.step, alone.position.micro) == (1, 1)
    assert (several.position.step, several.position.micro, several.position.loss_sum) == (1, 0, 0.0)
    assert all(parameter.grad is not None for parameter in alone.model.parameters())
    assert all(parameter.grad is None for parameter in several.model.parameters())


def test_stopped_between_steps_and_at_once(documents: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(documents, "train.micro_batch_size=None")
    train(recipe, tmp_path / "whole")
    for count in (1, 5, 1, 3):
        train(recipe, tmp_path / "parts", stop=stop_after(count))
    assert train(recipe, tmp_path / "parts").finished
    assert bits_of(tmp_path / "parts") == bits_of(tmp_path / "whole")


def test_a_run_given_more_steps_is_one_that_had_them_from_there(documents: Path, tmp_path: Path) -> None:
    """With a schedule that does not know the end: as if the longer recipe had been given from the first."""
    even = ("schedule.kind=constant", "train.eval_every=3", "train.micro_batch_size=None")
    short, long = (tiny_recipe(documents, *even, f"train.steps={steps}") for steps in (6, 12))
    train(long, tmp_path / "whole")
    assert train(short, tmp_path / "grown").finished
    assert not train(long, tmp_path / "grown", stop=stop_after(2)).finished
    assert train(long, tmp_path / "grown").finished
    assert bits_of(tmp_path / "grown") == bits_of(tmp_path / "whole")


def test_the_schedule_is_that_of_the_new_length(documents: Path, tmp_path: Path) -> None:
    settings = ("schedule.kind=cosine", "train.micro_batch_size=None", "telemetry.every=0", "train.sample_every=0")
    short, long = (tiny_recipe(documents, *settings, f"train.steps={steps}") for steps in (5, 9))
    train(short, tmp_path)
    train(long, tmp_path)
    rates = [line["learning_rate"] for line in log_of(tmp_path) if "learning_rate" in line]
    lengths = [5] * 5 + [9] * 4
    assert rates == [3e-3 * factor(step, steps, short.schedule) for step, steps in enumerate(lengths)]


class Spiking(Watcher):
    """Spoils the gradient of one batch so much that the loss is far off from then on."""

    def __init__(self, batch: int) -> None:
        self.batch, self.went = batch, 0

    def began(self, training: Training, folder: Path, resumed: bool, peak_flops: float) -> None:
        for parameter in training.model.parameters():
            parameter.register_hook(lambda g: g * 1e4 if training.position.batch == self.batch else g)

    def went_back(self, step: int, to: int, batches: range) -> None:
        self.went += 1


@pytest.fixture
def spiky(documents: Path) -> Recipe:
    """Spikes are told from noise after 16 steps; without clipping a spoilt gradient is a spoilt model."""
    settings = ("optimizer.kind=sgd", "optimizer.learning_rate=0.05", "optimizer.clip=0.0", "train.eval_every=9")
    return tiny_recipe(documents, *settings, "train.steps=32", "train.save_every=5", "train.micro_batch_size=None")


def test_stopped_while_the_loss_spikes(spiky: Recipe, tmp_path: Path) -> None:
    train(spiky, tmp_path / "whole", watcher=Spiking(20))
    watcher = Spiking(20)
    train(spiky, tmp_path / "parts", watcher=watcher, stop=stop_after(23))
    assert not watcher.went
    train(spiky, tmp_path / "parts", watcher=watcher)
    assert watcher.went
    assert bits_of(tmp_path / "parts") == bits_of(tmp_path / "whole")
