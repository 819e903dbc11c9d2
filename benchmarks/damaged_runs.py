"""Files of a run's folder edited, cut, emptied, removed, or swapped for those of another run; then the same command.

It may refuse in one line and leave all as it is, or make again what is missing and tell of it, or need nothing of that
file. It may never come to another model without a word.
"""

import json
import random
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from command_runs import killed, run
from killed_commands import differing, files_of
from tiny_runs import write_recipe

STEPS, SAVE_EVERY = 12, 3
KINDS = {
    "recipe.json": "recipe.json",
    "inputs.json": "inputs.json",
    "log.jsonl": "log.jsonl",
    "timing.jsonl": "timing.jsonl",
    "tensorboard": "tensorboard/*",
    "tokenizer": "tokenizer/*",
    "shards": "shards/*.bin",
    "manifest of the shards": "shards/manifest.json",
    "tensors of a snapshot": "snapshots/*/*.safetensors",
    "numbers of a snapshot": "snapshots/*/state.json",
    "manifest of a snapshot": "snapshots/*/manifest.json",
    "model": "model/*",
    "a whole folder": "*",
    "a whole snapshot": "snapshots/step-*",
}
HOWS = ("a bit turned", "cut short", "emptied", "removed", "of another run", "a value edited")


class Specimens:
    """A run to be damaged, finished, begun and half-way; and another of the same sizes, with another seed and text."""

    def __init__(self, text: Path, place: Path) -> None:
        """Make them once; cases work on copies."""
        self.streams, self.place = place / "streams", place / "damaged"
        recipe = write_recipe(place, 0, text, steps=STEPS, save_every=SAVE_EVERY)
        fewer = text.with_name("fewer.jsonl")
        fewer.write_text("".join(text.read_text().splitlines(keepends=True)[5:]))
        self.words = ["train", str(recipe), "--text", str(text)]
        others = ["train", str(recipe), "--text", str(fewer), "--set", "train.seed=99"]
        self.mine = self._stages(self.words, place / "specimen-mine")
        self.other = self._stages(others, place / "specimen-other")

    def _stages(self, words: list[str], place: Path) -> dict[str, Path]:
        made = run([*words, "--out", str(place)], self.streams)
        assert made.code == 0, made.err
        stages = {"finished": place}
        for name, stop in (("begun", "step-00000000*"), ("half-way", "step-00000006*")):
            stages[name] = folder = place.with_name(f"{place.name}-{name}")
            reached = partial(has, folder / "snapshots", stop)
            assert killed([*words, "--out", str(folder)], self.streams, reached).killed
        return stages


def has(folder: Path, pattern: str, _: float) -> bool:
    return any(folder.glob(pattern))


def damages(text: Path, place: Path, count: int) -> Iterator[dict[str, Any]]:
    """One case after the other, over all kinds of files, kinds of damage, and stages of a run."""
    specimens = Specimens(text, place)
    for number in range(count):
        yield damage(number, specimens)


def damage(number: int, specimens: Specimens) -> dict[str, Any]:
    """Copy a run, damage a file or a folder of it, and give its command again."""
    draw = random.Random(f"damages of {number}")
    kind, folder = list(KINDS)[number % len(KINDS)], specimens.place
    stage = draw.choice(["finished"] if kind == "model" else list(specimens.mine))
    mine, other = specimens.mine[stage], specimens.other[stage]
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(mine, folder)
    candidates = sorted(path for path in folder.glob(KINDS[kind]) if path.is_dir() or not kind.startswith("a whole"))
    file = draw.choice([path for path in candidates if path.name != ".lock"])
    how = hurt(file, other / file.relative_to(folder), draw)
    case = {"kind": "damage", "file": kind, "which": str(file.relative_to(folder)), "how": how, "stage": stage}
    before = files_of(folder)
    ended = run([*specimens.words, "--out", str(folder)], specimens.streams)
    failed = [ended.fault] if ended.fault else []
    if ended.code == 2:
        outcome = "refused"
        failed += [f"refused, and changed {name}" for name in changed(before, files_of(folder))]
        failed += [] if sum(", got " in line for line in ended.told) == 1 else [f"told in {len(ended.told)} lines"]
    else:
        outcome = "told and made again" if ended.told else "the same, without a word"
        failed += [f"{name} differs" for name in differing(specimens.mine["finished"], folder)]
        if ended.told and kind == "log.jsonl":  # a new log, and its length beside the weights
            failed = [fault for fault in failed if fault not in ("log differs", "numbers differs")]
    return {
        **case,
        "outcome": outcome,
        "said": [line.replace(str(folder), "run") for line in ended.told],
        "failed": failed,
    }


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def hurt(file: Path, other: Path, draw: random.Random) -> str:
    """Damage a file or a folder in one of the ways that there are for it; which."""
    if file.is_dir():
        how = draw.choice(["removed", "of another run"] if other.exists() else ["removed"])
        shutil.rmtree(file)
        if how != "removed":
            shutil.copytree(other, file)
        return how
    content = bytearray(file.read_bytes())
    how = draw.choice([how for how in HOWS if other.exists() or how != "of another run"])
    if not content and how not in ("removed", "of another run"):
        how = "removed"
    if how == "removed":
        file.unlink()
    elif how == "of another run":
        shutil.copy(other, file)
    elif how == "emptied":
        file.write_bytes(b"")
    elif how == "cut short":
        file.write_bytes(content[: draw.randrange(len(content))])
    elif how == "a bit turned":
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        file.write_bytes(content)
    else:
        file.write_bytes(edited(file, bytes(content), draw))
    return how


def edited(file: Path, content: bytes, draw: random.Random) -> bytes:
    """Another value in the place of one: of a JSON file a number or a word, of others four bytes."""
    if file.suffix == ".json":
        values = json.loads(content)
        places = list(leaves(values))
        place, key = draw.choice(places) if places else (values, "new")
        place[key] = other_value(place[key] if places else None, draw)
        return json.dumps(values, indent=1).encode()
    if file.suffix == ".jsonl":
        lines = content.decode().splitlines(keepends=True)
        at = draw.randrange(len(lines))
        values = json.loads(lines[at])
        place, key = draw.choice(list(leaves(values)))
        place[key] = other_value(place[key], draw)
        lines[at] = json.dumps(values) + "\n"
        return "".join(lines).encode()
    at = draw.randrange(max(1, len(content) - 3))
    return content[:at] + bytes(draw.randrange(256) for _ in range(4)) + content[at + 4 :]


def leaves(values: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in lists and mappings that holds neither."""
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        if isinstance(value, dict | list):
            yield from leaves(value)
        else:
            yield values, key


def other_value(value: Any, draw: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return draw.choice([value + 1, value * 2 + 1, -value - 1])
    return f"{value}x" if isinstance(value, str) else 1
