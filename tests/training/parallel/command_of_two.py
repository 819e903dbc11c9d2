"""`eigenlm train`, again and again in the two processes of one start."""

import json
import os
import signal
import threading
import time
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from eigenlm.cli import main

LAYOUTS = {"copies": "layout.data=ddp", "shards": "layout.data=fsdp", "matrices": "layout.tensor=2"}


def words(text: Path, out: Path, *settings: str) -> list[str]:
    """The command's."""
    recipe = str(Path(__file__).with_name("mixed_recipe.py"))
    return ["train", recipe, "--text", str(text), "--out", str(out), *(["--set", *settings] if settings else [])]


def train(text: Path, out: Path, layout: str, *, stopped: bool = False) -> int:
    """The exit code of the command; to stop it, the last rank alone hears a signal, as soon as the run has saved."""
    if stopped and os.environ["RANK"] == "1":
        _hear_when_saved(out, signal.SIGTERM)
    try:
        return main(words(text, out, LAYOUTS[layout]))
    except SystemExit as end:
        return int(end.code or 0)


def _hear_when_saved(out: Path, number: signal.Signals) -> None:
    """Send this process a signal as soon as the run has a snapshot more."""
    before = set(out.glob("snapshots/step-*"))

    def wait() -> None:
        while not set(out.glob("snapshots/step-*")) - before:
            time.sleep(0.002)
        (out / "signalled.txt").write_text(str(time.time()))
        os.kill(os.getpid(), number)

    threading.Thread(target=wait, daemon=True).start()


def train_in_every_layout(text: Path, folder: Path) -> dict[str, list[int]]:
    """Exit codes: a run in each layout, one that stops and goes on, one that changes its layout twice."""
    codes = {name: [train(text, folder / name, name)] for name in LAYOUTS}
    codes["stopped"] = [train(text, folder / "stopped", "shards", stopped=stopped) for stopped in (True, False)]
    chain = ["copies", "matrices", "shards"]
    codes["changed"] = [train(text, folder / "changed", name, stopped=name != chain[-1]) for name in chain]
    return codes


def train_until_killed(text: Path, out: Path) -> None:
    """The last rank is killed; the first notes what its command says of it, its exit code, and how long that took."""
    if os.environ["RANK"] == "1":
        _hear_when_saved(out, signal.SIGKILL)
    with redirect_stderr(StringIO()) as errors:
        code = main(words(text, out, LAYOUTS["shards"]))
    seconds = time.time() - float((out / "signalled.txt").read_text())
    end = {"code": code, "told": errors.getvalue().splitlines()[-1], "seconds": seconds}
    (out / "end.json").write_text(json.dumps(end))
