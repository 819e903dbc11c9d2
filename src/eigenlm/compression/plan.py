"""One action per matrix, what it is expected to cost, and the factors that carry it out."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jaxtyping import Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from eigenlm.compression.forecast import Forecast, forecast
from eigenlm.config import from_dict, to_dict
from eigenlm.errors import CheckpointError, ConfigError, DataError, explain
from eigenlm.files import whole_file, write_text
from eigenlm.linalg.allocation import allocate
from eigenlm.linalg.low_rank import LowRank, low_rank
from eigenlm.observe.grams import Measurement, measure
from eigenlm.observe.linears import linears
from eigenlm.progress import track

FORMAT = "eigenlm plan"
VERSION = 1
# Found on SmolLM2 with 24,000 tokens: 1 to 3 % lose 10 % less than no shrinkage (docs/log.md).
_SHRINKAGE = 0.01


@dataclass(frozen=True, kw_only=True)
class Action:
    """What happens to one matrix.

    Attributes:
        name: its layer.
        rows: m, the layer's outputs.
        columns: n, its inputs.
        norm: Frobenius norm of the matrix the plan was made for.
        rank: what it keeps; None leaves it dense.
        loss: its part of the loss on the calibration text, nats per token.
    """

    name: str
    rows: int
    columns: int
    norm: float
    rank: int | None
    loss: float

    @property
    def num_params(self) -> int:
        """Numbers after the action: R (m + n - R), or m n."""
        m, n, R = self.rows, self.columns, self.rank
        return m * n if R is None else R * (m + n - R)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The text a plan was made on.

    Attributes:
        text: what it was.
        tokens: that the factors were fitted to.
        held_out_tokens: that the forecast was made on.
        seed: of the sampled labels.
    """

    text: str
    tokens: int
    held_out_tokens: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A compression that is decided and not yet done.

    Attributes:
        model: what it is for, a path or a name.
        keep: the fraction of the linear layers' numbers that may stay.
        actions: one per linear layer, in the module's order.
        forecast: of the nll's increase.
        calibration: the text.
        factors: (B, A) of each layer that gets a rank; they travel beside the JSON as safetensors.
    """

    model: str
    keep: float
    actions: tuple[Action, ...]
    forecast: Forecast
    calibration: Calibration
    factors: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def num_params_before(self) -> int:
        """Numbers in the linear layers."""
        return sum(action.rows * action.columns for action in self.actions)

    @property
    def num_params_after(self) -> int:
        """Numbers the plan leaves there."""
        return sum(action.num_params for action in self.actions)

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON and its factors beside it as safetensors, each whole or not at all.

        Raises:
            DataError: the place cannot be written.
        """
        path = Path(path)
        tensors = {
            f"{name}.{part}": t.contiguous() for name, pair in self.factors.items() for part, t in zip("BA", pair)
        }
        with whole_file(_factors_file(path)) as temporary:
            save_file(tensors, temporary)
            digest = _sha256(temporary)
        content = {"format": FORMAT, "version": VERSION, "factors_sha256": digest, "plan": _without_factors(self)}
        write_text(path, json.dumps(content, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "Plan":
        """Read a plan and its factors.

        Raises:
            CheckpointError: no plan there, or factors that are missing, damaged or of another plan.
        """
        path = Path(path)
        content = _read(path)
        found = from_dict(cls, content["plan"], f"plan {path}")
        factors_file = _factors_file(path)
        if not factors_file.is_file() or _sha256(factors_file) != content.get("factors_sha256"):
            got = "other bytes" if factors_file.is_file() else "no such file"
            expected = f"the factors it was saved with in {factors_file.name}"
            raise CheckpointError(explain(f"plan {path}", expected=expected, got=got, do="make the plan again"))
        try:
            tensors = load_file(factors_file)
            names = [action.name for action in found.actions if action.rank is not None]
            return replace(found, factors={name: (tensors[f"{name}.B"], tensors[f"{name}.A"]) for name in names})
        except (SafetensorError, KeyError) as error:
            raise CheckpointError(explain(f"plan {path}", expected="factors of every rank", got=str(error))) from error


def plan(
    module: nn.Module, windows: Int[Tensor, "B T"], *, keep: float, model: str = "", text: str = "", seed: int = 0
) -> Plan:
    """Decide the rank of every linear layer under one budget, and forecast what that costs.

    Each matrix gets its best approximations in the metric of its inputs and of its outputs' gradients; ranks are
    bought where they save most, "dense" being one of the offers; the forecast is made on windows kept apart.

    Args:
        module: a transformer of ours, or any module with linear layers that gives logits for ids.
        windows: (B, T) calibration text; a quarter of the rows, one at least, is kept for the forecast.
        keep: fraction of the linear layers' numbers to keep, in (0, 1].
        model: what the module is, for the one who applies the plan.
        text: what the windows are, likewise.
        seed: of the sampled labels.

    Raises:
        ConfigError: `keep` outside (0, 1].
        DataError: fewer than two windows, or activations that are not finite.
    """
    if not 0.0 < keep <= 1.0:
        raise ConfigError(explain("keep", expected="a fraction in (0, 1]", got=keep))
    if len(windows) < 2:
        raise DataError(explain("planning", expected="at least 2 windows of calibration text", got=len(windows)))
    held_out = max(1, len(windows) // 4)
    fitted, apart = windows[:-held_out], windows[-held_out:]
    layers = linears(module)
    best = factorise(layers, measure(module, fitted, seed=seed))
    shares = allocate(
        {name: found.tail / 2 for name, found in best.items()},
        {name: (layer.out_features, layer.in_features) for name, layer in layers.items()},
        keep,
    )
    factors, changes, actions = {}, {}, []
    for name, layer in layers.items():
        W, R = layer.weight.detach(), shares.ranks[name]
        if R is not None:
            B, A = (part.to(W.dtype) for part in best[name].at(R))
            factors[name], changes[name] = (B, A), B @ A - W
        actions.append(
            Action(
                name=name,
                rows=W.shape[0],
                columns=W.shape[1],
                norm=float(W.float().norm()),
                rank=R,
                loss=0.0 if R is None else float(best[name].tail[R] / 2),
            )
        )
    return Plan(
        model=model,
        keep=keep,
        actions=tuple(actions),
        forecast=forecast(module, changes, apart),
        calibration=Calibration(text=text, tokens=fitted.numel(), held_out_tokens=apart.numel(), seed=seed),
        factors=factors,
    )


def factorise(layers: Mapping[str, nn.Linear], measured: Measurement) -> dict[str, LowRank]:
    """The best approximations of every rank of each layer's matrix, in its measured metric."""
    return {
        name: low_rank(
            layer.weight.detach(),
            measured.input_gram(name),
            measured.output_grams[name],
            shrinkage=_SHRINKAGE,
        )
        for name, layer in track(layers.items(), "factoring", total=len(layers))
    }


def _without_factors(plan: Plan) -> dict[str, Any]:
    return to_dict(replace(plan, factors={})) | {"factors": {}}


def _factors_file(path: Path) -> Path:
    return path.with_suffix(".safetensors")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            explain(f"plan {path}", expected="a plan written by `eigenlm plan`", got=str(error))
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("version") != VERSION:
        raise CheckpointError(
            explain(f"plan {path}", expected=f"an {FORMAT} of version {VERSION}", got="something else")
        )
    return content
