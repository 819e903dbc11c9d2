import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from eigenlm.errors import CheckpointError, DataError
from eigenlm.training import train
from eigenlm.training.snapshots import (
    check_snapshot,
    latest_snapshot,
    prune_snapshots,
    regular_snapshots,
    snapshot_before,
    snapshots,
)
from tests.training.tiny_run import bits_of, names_of, stop_after, tiny_recipe

pytestmark = pytest.mark.usefixtures("no_rates")

SETTINGS = ("train.micro_batch_size=None", "train.save_every=2", "train.keep_last=3", "train.eval_every=12")


@pytest.fixture(scope="module")
def sound(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was stopped at step 7; copy it before changing it."""
    folder = tmp_path_factory.mktemp("runs") / "sound"
    train(tiny_recipe(documents, *SETTINGS), folder, stop=stop_after(8))
    return folder


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "run")
    return tmp_path / "run"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def turn_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "tensors cut short": lambda folder: cut(next(folder.glob("*.safetensors"))),
    "a bit of the tensors": lambda folder: turn_a_bit(next(folder.glob("*.safetensors"))),
    "no tensors": lambda folder: next(folder.glob("*.safetensors")).unlink(),
    "a bit of the numbers": lambda folder: turn_a_bit(folder / "state.json"),
    "no numbers": lambda folder: (folder / "state.json").unlink(),
    "manifest cut short": lambda folder: cut_in_half(folder / "manifest.json"),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "manifest of nothing": lambda folder: none(folder / "manifest.json").write_text("{}"),
    "manifest of numbers": lambda folder: none(folder / "manifest.json").write_text('{"state.json": 3}'),
    "manifest of nonsense": lambda folder: none(folder / "manifest.json").write_bytes(b"\xff\xfe\x00"),
    "manifest of zeros": lambda folder: none(folder / "manifest.json").write_bytes(bytes(200)),
}


def cut_in_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def none(path: Path) -> Path:
    path.unlink()
    return path


def test_names_say_where_and_sort(sound: Path) -> None:
    assert names_of(sound) == [
        "step-00000002-batch-00000002-0000",
        "step-00000004-batch-00000004-0000",
        "step-00000006-batch-00000006-0000",
        "step-00000007-batch-00000007-0000-stopped",
    ]
    assert [path.name for path in regular_snapshots(sound / "snapshots")] == names_of(sound)[:3]
    for path in snapshots(sound / "snapshots"):
        check_snapshot(path)


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_noticed(run: Path, name: str) -> None:
    folder = snapshots(run / "snapshots")[-1]
    DAMAGES[name](folder)
    with pytest.raises(CheckpointError, match=folder.name) as raised:
        check_snapshot(folder)
    assert "\n" not in str(raised.value)


def test_what_another_program_left_does_no_harm(run: Path) -> None:
    folder = snapshots(run / "snapshots")[-1]
    (folder / ".DS_Store").write_bytes(b"x")
    check_snapshot(folder)
    (run / "snapshots" / "notes.txt").touch()
    assert latest_snapshot(run / "snapshots") == folder


def test_the_newest_that_is_whole_is_gone_on_from(run: Path, documents: Path, capsys) -> None:
    old, *_, damaged, newest = snapshots(run / "snapshots")
    for path in (damaged, newest):
        cut(next(path.glob("*.safetensors")))
    whole = run.with_name("whole")
    train(tiny_recipe(documents, *SETTINGS), whole)
    assert train(tiny_recipe(documents, *SETTINGS), run).finished
    told = capsys.readouterr().err
    assert told.count("expected what was written, got other bytes; going on from an older snapshot\n") == 2
    assert newest.name in told
    assert sorted(path.name for path in (run / "snapshots").glob("damaged-*")) == [
        f"damaged-{damaged.name}",
        f"damaged-{newest.name}",
    ]
    # Step 6 is saved again: were the damaged one still there, it would pass for saved.
    assert bits_of(run) == bits_of(whole)
    assert old not in snapshots(run / "snapshots")


def test_the_same_name_is_damaged_twice(run: Path) -> None:
    newest, place = snapshots(run / "snapshots")[-1], run / "snapshots"
    shutil.copytree(newest, place / f"damaged-{newest.name}")
    cut(newest / "state.json")
    latest_snapshot(place)
    assert {path.name for path in place.glob("damaged-*")} == {f"damaged-{newest.name}", f"damaged-{newest.name}-2"}


def test_all_damaged_is_told_and_nothing_touched(run: Path, documents: Path) -> None:
    for path in snapshots(run / "snapshots"):
        cut(path / "state.json")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(CheckpointError, match="expected a whole snapshot, got damaged ones; start anew in another"):
        train(tiny_recipe(documents, *SETTINGS), run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_another_version_is_told(run: Path) -> None:
    folder = snapshots(run / "snapshots")[-1]
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(state | {"version": 99}))
    with pytest.raises(CheckpointError):
        check_snapshot(folder)


def test_before_a_batch(run: Path) -> None:
    place = run / "snapshots"
    assert snapshot_before(place, 5).name == "step-00000004-batch-00000004-0000"
    assert snapshot_before(place, 4).name == "step-00000004-batch-00000004-0000"
    # One that is there only because the run was stopped would make the rollback depend on that.
    assert snapshot_before(place, 7).name == "step-00000006-batch-00000006-0000"
    assert snapshot_before(place, 1).name == "step-00000002-batch-00000002-0000"


def test_pruning(run: Path) -> None:
    place = run / "snapshots"
    one, two, three, stopped = snapshots(place)
    prune_snapshots(place, 1, stopped, one.name)
    assert snapshots(place) == [one, three, stopped]
    prune_snapshots(place, 1, three, None)
    assert snapshots(place) == [three]
    assert sorted(path.name for path in place.iterdir()) == [three.name]
    assert not two.exists()


def test_no_snapshots(tmp_path: Path) -> None:
    assert latest_snapshot(tmp_path / "none") is None


@pytest.mark.parametrize("moment", ["save_state", "_sum"])
def test_a_full_disk_in_a_save(run: Path, documents: Path, monkeypatch, moment: str) -> None:
    before = names_of(run)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(f"eigenlm.training.snapshots.{moment}", full)
        # To go on, sums are needed too.
        patched.setattr("eigenlm.training.snapshots.check_snapshot", lambda *_: None)
        with pytest.raises(DataError, match="expected a writable place with room, got No space left on device"):
            train(tiny_recipe(documents, *SETTINGS), run)
    assert names_of(run) == before
    assert not list((run / "snapshots").glob(".*"))
    assert train(tiny_recipe(documents, *SETTINGS), run).finished
