"""SIGKILL at random instants of whole commands, from their first to their last moment, and what is there afterwards."""

import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from command_runs import Ended, killed, run
from tiny_runs import outcome_of, write_recipe

from eigenlm.errors import CheckpointError
from eigenlm.training.snapshots import check_snapshot, snapshots

STEPS, SAVE_EVERY = 12, 3
MINE = {
    "notes.txt": "mine",
    ".thesis.partial": "mine too",
    "snapshots.old/step-1": "and this",
}  # a user's, in the folder
SAVING = ("recipe.json", "tokenizer", "inputs.json", "shards", "step-", "model")  # what is written under hidden names
Instant = Callable[[float], bool]


def trainings(text: Path, place: Path, kills: int, *, whole: bool = False) -> Iterator[dict[str, Any]]:
    """`eigenlm train` of ever other recipes, each killed again and again until it is through."""
    done, number = 0, 0
    while done < kills:
        case = training(number, text, place, whole=whole)
        done, number = done + case["kills"], number + 1
        yield case


def training(number: int, text: Path, place: Path, *, whole: bool) -> dict[str, Any]:
    """One of them against the same command undisturbed; what was saved has to be gone on from."""
    draw = random.Random(f"trainings {number} {whole}")
    recipe = write_recipe(place, number, text, steps=STEPS, save_every=SAVE_EVERY)
    sound, folder = place / f"{number}-sound", place / f"{number}-killed"
    first = run(["train", str(recipe), "--out", str(sound)], place / "streams", whole=whole)
    users = with_users_files(folder)
    kills, phases, failed = 0, [], [f"undisturbed: {first.err}"] if first.code else []
    while not failed and (kills == 0 or ended.killed):
        saved = newest_step(folder)
        instant = drawn_instant(folder, draw, first.seconds)
        ended = killed(["train", str(recipe), "--out", str(folder)], place / "streams", instant, whole=whole)
        kills += ended.killed
        phases += [phase(folder)] if ended.killed else []
        failed += faults(ended, saved) + unloadable(folder)
        if kills == 0 and not ended.killed:
            break
    failed += [f"{name} differs" for name in differing(sound, folder)] if not failed else []
    failed += [f"{name} of the user's" for name in MINE if (folder / name).read_text() != users[name]]
    failed += [f"{path.name} was left" for path in folder.glob(".*.partial") if path.name not in MINE]
    shutil.rmtree(sound), shutil.rmtree(folder)
    kind = "train, whole process" if whole else "train"
    return {"kind": kind, "recipe": number, "kills": kills, "phases": phases, "failed": failed}


def with_users_files(folder: Path) -> dict[str, str]:
    for name, content in MINE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return MINE


def drawn_instant(folder: Path, draw: random.Random, life: float) -> Instant:
    """A random moment of a run's life, or for half of the kills one soon after something began to be written."""
    if draw.random() < 0.5:
        moment = draw.uniform(0, life)
        return lambda seconds: seconds > moment
    left = [name for name in SAVING if not (folder / name).exists()]
    pattern, delay = f".{draw.choice(left[:-2] or left)}*.partial", draw.uniform(0, 0.01)
    seen: list[float] = []

    def instant(seconds: float) -> bool:
        if not seen and any(any(parent.glob(pattern)) for parent in (folder, folder / "snapshots")):
            seen.append(seconds)
        return bool(seen) and seconds > seen[0] + delay

    return instant


def phase(folder: Path) -> str:
    """What a run was at when it was killed, by what is there."""
    if (folder / "model").exists():
        return "after the model was written"
    if any(folder.glob(".model.*.partial")):
        return "while the model was written"
    if any((folder / "snapshots").glob(".step-*")):
        return "while a snapshot was written"
    if snapshots(folder / "snapshots"):
        return "in training"
    if (folder / "shards").exists():
        return "before the first snapshot"
    if (folder / "tokenizer").exists():
        return "while shards were built"
    return "while the tokenizer was learned" if (folder / "recipe.json").exists() else "before the recipe was settled"


def newest_step(folder: Path) -> int | None:
    found = snapshots(folder / "snapshots")
    return int(found[-1].name.split("-")[1]) if found else None


def faults(ended: Ended, saved: int | None) -> list[str]:
    """What is wrong with how a process ended, or where it went on from."""
    found = [ended.fault] if ended.fault else []
    found += [f"refused: {ended.told}"] if ended.code == 2 else []
    if (line := re.search(r"going on from step ([\d,]+)", ended.err)) and int(line[1].replace(",", "")) != saved:
        found.append(f"went on from {line[1]} instead of {saved}")
    return found


def unloadable(folder: Path) -> list[str]:
    """What is wrong with the snapshots that can be seen."""
    wrong = []
    for path in snapshots(folder / "snapshots"):
        try:
            check_snapshot(path)
        except CheckpointError as error:
            wrong.append(str(error))
    return wrong


def differing(sound: Path, other: Path) -> list[str]:
    """Names of what did not come out the same: weights, moments, log, state, and every file of the model's."""
    one, two = outcome_of(sound), outcome_of(other)
    files = {folder: {p.name: p.read_bytes() for p in (folder / "model").iterdir()} for folder in (sound, other)}
    names = sorted({*files[sound], *files[other]})
    return [name for name in one if one[name] != two[name]] + [
        f"model/{name}" for name in names if files[sound].get(name) != files[other].get(name)
    ]


def writing_commands(model: Path, smaller: Path, text: Path, out: Path) -> dict[str, list[str]]:
    """Every other command that writes, with its output in `out`; those of files write over a former one."""
    here, calibration = str(model), ["--text", str(text)]
    return {
        "tokenizer train": ["tokenizer", "train", *calibration, "--out", f"{out}/tokenizer", "--vocab-size", "300"],
        "export gguf": ["export", here, "--to", "gguf", "--storage", "F16", "--out", f"{out}/m.gguf", "--overwrite"],
        "export hf": ["export", here, "--to", "hf", "--out", f"{out}/hf"],
        "plan": ["plan", here, *calibration, "--tokens", "512", "--out", f"{out}/plan.json", "--overwrite"],
        "apply": ["apply", str(smaller), "--out", f"{out}/small"],
        "analyze": ["analyze", here, "--json", "--html", f"{out}/page.html"],
    }


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything that can be seen in a folder."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path: str(path.relative_to(folder)) for path in paths}
    return {
        name: path.read_bytes() for path, name in names.items() if not any(p.startswith(".") for p in Path(name).parts)
    }


def others(model: Path, smaller: Path, former: Path, text: Path, place: Path, kills: int) -> Iterator[dict[str, Any]]:
    """Those commands killed: afterwards there is what was there, or all of what is new; then they get through."""
    commands = writing_commands(model, smaller, text, place / "out")
    for name, words in commands.items():
        draw, out = random.Random(f"others {name}"), place / "out"
        prepare(out, former)
        before = files_of(out)
        life = run(words, place / "streams")
        after, case = files_of(out), {"kind": name, "kills": 0, "former kept": 0, "new whole": 0, "left hidden": 0}
        failed = [f"undisturbed: {life.err}"] if life.code else []
        for _ in range(kills):
            prepare(out, former)
            ended = killed(words, place / "streams", drawn_writing(out, draw, life.seconds))
            found = files_of(out)
            case["kills"] += ended.killed
            case["former kept"] += found == before and ended.killed
            case["new whole"] += found == after and ended.killed
            case["left hidden"] += any(out.glob(".*.partial"))
            failed += [] if found in (before, after) else [f"half: {sorted(found)}"]
            failed += [ended.fault] if ended.fault else []
            if found != after and run(words, place / "streams").code == 0 and files_of(out) != after:
                failed.append("another output in the end")
        yield {**case, "failed": failed}


def drawn_writing(out: Path, draw: random.Random, life: float) -> Instant:
    """A random moment of a command's life, or one soon after it began to write."""
    moment, delay = draw.uniform(0, life), draw.uniform(0, 0.01)
    if draw.random() < 0.5:
        return lambda seconds: seconds > moment
    seen: list[float] = []

    def instant(seconds: float) -> bool:
        seen.extend([seconds] if not seen and any(out.glob(".*.partial")) else [])
        return bool(seen) and seconds > seen[0] + delay

    return instant


def prepare(out: Path, former: Path) -> None:
    """Begin with the outputs of another model."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(former, out)
