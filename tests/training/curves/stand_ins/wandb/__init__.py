"""What eigenlm calls of wandb, with wandb's own signatures; points are lines of a file."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

errors = SimpleNamespace(Error=type("Error", (Exception,), {}))


class Settings:
    def __init__(self, *, console: str) -> None:
        assert console in ("off", "wrap", "redirect", "auto")


def init(*, project, name, id, resume, dir, config, settings):
    if os.environ.get("WANDB_MODE") != "offline":
        raise errors.Error("api_key not configured (no-tty).\nCall wandb.login(key=[your_api_key]).")
    assert resume in (None, "allow")
    assert Path(dir).is_dir()
    begun = {"run": id, "project": project, "name": name, "steps": config["train"]["steps"], "resume": resume}
    return _Run(Path(dir) / "points.jsonl", begun)


class _Run:
    def __init__(self, path: Path, begun: dict) -> None:
        self._file = path.open("a", buffering=1)
        self.log(begun)

    def define_metric(self, name: str, step_metric: str) -> None:
        assert (name, step_metric) == ("*", "step")

    def log(self, data: dict) -> None:
        self._file.write(json.dumps(data) + "\n")

    def finish(self) -> None:
        self._file.close()
