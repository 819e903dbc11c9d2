"""Commands on disks of their own that are too small, then a little larger, until they get through."""

import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from command_runs import run
from killed_commands import differing, files_of, unloadable, writing_commands
from tiny_runs import write_recipe

STEPS, SAVE_EVERY = 12, 3
_PAGE = 4096


def trainings(text: Path, place: Path, count: int) -> Iterator[dict[str, Any]]:
    """`eigenlm train` from the first file to the last on disks that fill up at ever other places."""
    for number in range(count):
        draw = random.Random(f"disks of {number}")
        recipe = write_recipe(place, number, text, steps=STEPS, save_every=SAVE_EVERY)
        sound, disk, said, failed = place / f"{number}-roomy", place / "disk", [], []
        words = ["train", str(recipe), "--out"]
        need = size_of(sound) if run([*words, str(sound)], place / "streams").code == 0 else 0
        with small_disk(disk, int(need * draw.uniform(0.02, 0.5))) as grow:
            for _ in range(60):
                ended = run([*words, str(disk / "run")], place / "streams")
                failed += ([ended.fault] if ended.fault else []) + unloadable(disk / "run")
                if ended.code == 0:
                    break
                said += ended.told
                failed += [] if len(ended.told) == 1 else [f"told in {len(ended.told)} lines"]
                grow(draw.uniform(1.02, 1.3))
            failed += [f"{name} differs" for name in differing(sound, disk / "run")]
        shutil.rmtree(sound)
        yield {"kind": "full disk, train", "times full": len(said), "said": generalised(said, place), "failed": failed}


def others(model: Path, smaller: Path, former: Path, text: Path, place: Path) -> Iterator[dict[str, Any]]:
    """The other commands that write, where a former output stays whole until there is room for the new one."""
    disk = place / "disk"
    for name, words in writing_commands(model, smaller, text, disk / "out").items():
        draw, said, failed = random.Random(f"disks of {name}"), [], []
        with small_disk(disk, size_of(former) + 3 * _PAGE) as grow:
            shutil.copytree(former, disk / "out")
            before = files_of(disk / "out")
            for _ in range(60):
                ended = run(words, place / "streams")
                failed += [ended.fault] if ended.fault else []
                if ended.code == 0:
                    break
                said += ended.told
                failed += [] if files_of(disk / "out") == before else ["the former output is not as it was"]
                failed += [f"left {path.name}" for path in (disk / "out").glob(".*.partial")]
                grow(draw.uniform(1.02, 1.3))
            after = files_of(disk / "out")
        roomy = place / "out"
        shutil.rmtree(roomy, ignore_errors=True)
        shutil.copytree(former, roomy)
        assert run(writing_commands(model, smaller, text, roomy)[name], place / "streams").code == 0
        failed += [] if after == files_of(roomy) else ["another output than on a roomy disk"]
        yield {
            "kind": f"full disk, {name}",
            "times full": len(said),
            "said": generalised(said, place),
            "failed": failed,
        }


def generalised(said: list[str], place: Path) -> list[str]:
    """Each line once, without the numbers of steps."""
    return sorted({re.sub(r"\d{4,}", "N", line.replace(f"{place}/", "")) for line in said})


def size_of(folder: Path) -> int:
    """Bytes of the pages that its files and folders take."""
    return sum(_PAGE * -(-path.stat().st_size // _PAGE) for path in folder.rglob("*"))


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[Callable[[float], None]]:
    """A file system in memory, of `size` bytes, and how to make it larger; root alone may mount one."""
    place.mkdir(exist_ok=True)
    size = max(size, 1 << 16)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)

    def grow(factor: float) -> None:
        nonlocal size
        size = int(size * factor) + 8192
        subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)

    try:
        yield grow
    finally:
        subprocess.run(["umount", place], check=True)
