"""A plan on disk: what is decided as JSON, and the tensors that carry it out beside it as safetensors."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from eigenlm.checkpoint.safetensors_writer import save_tensors
from eigenlm.config import from_dict
from eigenlm.errors import CheckpointError, explain
from eigenlm.files import PLAN as FORMAT
from eigenlm.files import check_plan, read_json, tensors_beside, whole_files
from eigenlm.machine.memory import check_mapping

VERSION = 3
T = TypeVar("T")

Factors = Mapping[str, Mapping[str, Tensor]]


def write(path: Path, plan: Mapping[str, Any], factors: Factors) -> None:
    """Write both files, whole and together or not at all.

    Raises:
        DataError: the place cannot be written, or the name is that of the tensors.
    """
    check_plan(path)
    tensors = {f"{name}.{part}": t.contiguous() for name, parts in factors.items() for part, t in parts.items()}
    with whole_files(path, tensors_beside(path)) as (decided, factors_file):
        save_tensors(tensors, factors_file, FORMAT)
        content = {"format": FORMAT, "version": VERSION, "factors_sha256": _sha256(factors_file), "plan": plan}
        decided.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> tuple[dict[str, Any], Factors]:
    """The plan as JSON values of this version, and its factors.

    Raises:
        CheckpointError: no plan there, or factors that are missing, damaged or of another plan.
    """
    content = _content(path)
    factors_file = tensors_beside(path)
    if not factors_file.is_file() or _sha256(factors_file) != content.get("factors_sha256"):
        got = "other bytes" if factors_file.is_file() else "no such file"
        expected = f"the factors it was saved with in {factors_file.name}"
        raise CheckpointError(explain(f"plan {path}", expected=expected, got=got, do="make the plan again"))
    check_mapping(factors_file, times=2)
    factors: dict[str, dict[str, Tensor]] = {}
    try:
        for name, tensor in load_file(factors_file).items():
            layer, _, part = name.rpartition(".")
            factors.setdefault(layer, {})[part] = tensor
    except SafetensorError as error:
        raise CheckpointError(explain(f"plan {path}", expected="a safetensors file", got=str(error))) from error
    return content["plan"], factors


def typed(cls: type[T], values: Mapping[str, Any], path: Path) -> T:
    """Values as a dataclass; errors as in `config.from_dict`."""
    return from_dict(cls, values, f"plan {path}")


def _content(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            explain(f"plan {path}", expected="a plan written by `eigenlm plan`", got=str(error))
        ) from error
    known = isinstance(content, dict) and content.get("format") == FORMAT
    if not known or content.get("version") not in range(1, VERSION + 1):
        expected = f"an {FORMAT} of version 1 to {VERSION}"
        raise CheckpointError(explain(f"plan {path}", expected=expected, got="something else"))
    plan = content.get("plan")
    if not isinstance(plan, dict) or not isinstance(plan.get("actions"), list):
        raise CheckpointError(explain(f"plan {path}", expected="a list of actions", got="none"))
    if content["version"] == 1:
        plan = _from_version_1(plan, path)
    if "keep" in plan:  # up to version 2
        plan["goal"] = {"kind": "keep", "value": plan.pop("keep")}
    return content | {"plan": plan}


def _from_version_1(plan: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A plan of low ranks for dense float32 layers, as version 2 has it."""
    try:
        told = plan["forecast"]
        forecast = {"value": told["nll_increase"], "low": told["low"], "high": told["high"]}
        actions = [_action_of_version_1(dict(action)) for action in plan["actions"]]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(explain(f"plan {path}", expected="a plan of version 1", got=repr(error))) from error
    return {name: plan[name] for name in ("model", "keep", "calibration") if name in plan} | {
        "forecast": forecast,
        "actions": actions,
    }


def _action_of_version_1(action: dict[str, Any]) -> dict[str, Any]:
    rank, numbers = action.pop("rank"), action["rows"] * action["columns"]
    tag = {"kind": "keep"} if rank is None else {"kind": "low_rank", "rank": rank}
    sizes = {"itemsize": 4, "num_params_before": numbers, "num_bytes_before": 4 * numbers}
    return action | sizes | {"layer": "dense", "action": tag}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
