"""The instrument on a training loop: which matrix is read when, and what is remembered in between."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from eigenlm.errors import CheckpointError, ConfigError, explain
from eigenlm.linalg.decomposition import singular_values
from eigenlm.linalg.power_iteration import power_iteration, unit_vector
from eigenlm.linalg.spectrum import condition_number, effective_rank
from eigenlm.training.recipe import TelemetryRecipe
from eigenlm.training.telemetry.gradient_noise import GradientNoise, some_rows
from eigenlm.training.telemetry.matrices import norm, number, ratio, trained_matrices, whole
from eigenlm.training.telemetry.reading import MatrixReading, Reading, SharpnessReading, SpectrumReading, Totals
from eigenlm.training.telemetry.sharpness import sharpness

Loss = Callable[[], Float[Tensor, ""]]

# A random matrix has no gap behind sigma_1; 16 iterations bring the first reading within some percent of it.
_FIRST_ITERATIONS = 16
# Step, share of the batch and |g_s|^2 of a first micro-batch: a run may be stopped between two of them.
_FIRST = ("first_step", "first_share", "first_squared")
_NO_MICRO_BATCH = (-1, 0.0, 0.0)


class Telemetry:
    """Reads a model's matrices while it is trained, at steps that their number alone decides.

    The loop calls, at every step: `micro_batch` after each backward pass but for a single one, `before_step` when the
    gradient is complete and not yet clipped, `after_step` when the optimizer has stepped. On steps that are not due,
    they return at once. What later readings depend on is in `state_dict`, so a resumed run reads the same bits.
    Matrices may lie on several ranks: each then calls the same, and gets the same.
    """

    def __init__(self, model: nn.Module, recipe: TelemetryRecipe, probe: Loss | None = None) -> None:
        """Watch `model`, which is already on its device, sharded and compiled as it will be trained.

        Args:
            model: its trained matrices are watched.
            recipe: how often.
            probe: the loss of a small fixed batch with the model's weights, plain enough to be differentiated twice;
                needed for the Hessian alone.

        Raises:
            ConfigError: a negative interval, no matrix, or a Hessian asked for without a probe or of a sharded model.
        """
        for field in ("every", "spectrum_every", "hessian_every"):
            if getattr(recipe, field) < 0:
                raise ConfigError(explain(f"telemetry.{field}", expected="0 or more", got=getattr(recipe, field)))
        self._model, self._recipe, self._probe = model, recipe, probe
        self._matrices = trained_matrices(model)
        self._trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._check_hessian()
        self._vectors = {
            name: unit_vector(W.shape[1], seed=i, like=W) for i, (name, W) in enumerate(self._matrices.items())
        }
        self._is_warm = False
        self._noise = GradientNoise()
        self._rows = {name: torch.zeros_like(some_rows(W)) for name, W in self._matrices.items()}
        self._rows_step = -1
        self._first = _NO_MICRO_BATCH
        self._before: dict[str, Tensor] = {}
        self._gradient_norms: list[float] = []

    def micro_batch(self, step: int, share: float) -> None:
        """Note a gradient that is not yet complete, after a backward pass; only a step's first matters.

        Where ranks see different texts, none of them has this gradient, and nobody calls.

        Args:
            step: the step it is part of.
            share: the tokens seen over those of the step. A first micro-batch has left `share` times its own mean
                gradient.
        """
        if _due(step, self._recipe.every) and self._first[0] != step and 0 < share < 1:
            self._first = (step, share, sum(value**2 for value in self._norms_of_gradients()) / share**2)

    def before_step(self, step: int) -> None:
        """Note the complete gradient and the weights, before clipping and before the optimizer's step."""
        if _due(step, self._recipe.every):
            self._gradient_norms = self._norms_of_gradients()
            self._estimate_noise(step)
            self._before = {name: W.detach().clone() for name, W in self._matrices.items()}
        if _due(step + 1, self._recipe.every) and self._first[0] != step:
            for name, rows in self._rows.items():
                rows.copy_(self._rows_of_gradient(name))
            self._rows_step = step
        self._first = _NO_MICRO_BATCH  # a batch that is passed over leaves its step's number to the next

    def after_step(self, step: int, learning_rate: float | None = None) -> Reading | None:
        """What the step made of the matrices; None where nothing was due.

        Args:
            step: the step just made, counted as in `before_step`.
            learning_rate: that it was made with, to hold the sharpness against.
        """
        due = {
            field: _due(step, getattr(self._recipe, field)) for field in ("every", "spectrum_every", "hessian_every")
        }
        if not any(due.values()):
            return None
        matrices, totals = self._measure() if due["every"] and self._before else ({}, None)
        return Reading(
            step=step,
            matrices=matrices,
            totals=totals,
            spectrum=self._spectrum(step) if due["spectrum_every"] else None,
            hessian=self._sharpness(learning_rate) if due["hessian_every"] else None,
        )

    def state_dict(self) -> dict[str, Tensor | int | float]:
        """Tensors and plain numbers that later readings depend on; always the same keys and shapes."""
        return {
            **{f"vector.{name}": v.clone() for name, v in self._vectors.items()},
            **{f"rows.{name}": rows.clone() for name, rows in self._rows.items()},
            **{f"noise.{name}": value for name, value in self._noise.state_dict().items()},
            **dict(zip(_FIRST, self._first)),
            "rows_step": self._rows_step,
            "is_warm": int(self._is_warm),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            CheckpointError: it is of another model.
        """
        own = self.state_dict()
        for key, value in own.items():
            expected = tuple(value.shape) if isinstance(value, Tensor) else "a number"
            got = state.get(key, "nothing")
            found = (
                tuple(got.shape) if isinstance(got, Tensor) else "a number" if isinstance(got, (int, float)) else got
            )
            if found != expected:
                raise CheckpointError(explain(f"telemetry state {key!r}", expected=expected, got=found))
        self._vectors = {name: state[f"vector.{name}"].to(v, copy=True) for name, v in self._vectors.items()}
        for name, rows in self._rows.items():
            rows.copy_(state[f"rows.{name}"])
        self._noise.load_state_dict({name: float(state[f"noise.{name}"]) for name in self._noise.state_dict()})
        self._rows_step, self._is_warm = int(state["rows_step"]), bool(state["is_warm"])
        first, share, squared = (state[name] for name in _FIRST)
        self._first, self._before = (int(first), float(share), float(squared)), {}

    def _check_hessian(self) -> None:
        if not self._recipe.hessian_every:
            return
        if self._probe is None:
            raise ConfigError(explain("telemetry.hessian_every", expected="a probe loss beside it", got="none"))
        if any(isinstance(parameter, DTensor) for parameter in self._trained):
            do = "set telemetry.hessian_every to 0, or layout.data to ddp and layout.tensor to 1"
            raise ConfigError(explain("telemetry.hessian_every", expected="whole matrices", got="shards", do=do))

    def _norms_of_gradients(self) -> list[float]:
        """Of all matrices, in one transfer from their device."""
        norms = [torch.zeros((), device=W.device) if W.grad is None else norm(W.grad) for W in self._matrices.values()]
        return torch.stack(norms).tolist()

    def _rows_of_gradient(self, name: str) -> Tensor:
        gradient = self._matrices[name].grad
        return some_rows(gradient) if gradient is not None else torch.zeros_like(self._rows[name])

    def _estimate_noise(self, step: int) -> None:
        if self._first[0] == step:
            _, share, small_squared = self._first
            self._noise.from_micro_batch(small_squared, sum(value**2 for value in self._gradient_norms), share)
        elif self._rows_step == step - 1:
            pairs = [(rows.flatten(), self._rows_of_gradient(name).flatten()) for name, rows in self._rows.items()]
            sums = torch.stack([torch.stack([old @ old, new @ new, old @ new]) for old, new in pairs]).double().sum(0)
            self._noise.from_successive(*sums.tolist())

    def _measure(self) -> tuple[dict[str, MatrixReading], Totals]:
        table = [self._norms(name, W.detach()) for name, W in self._matrices.items()]
        norms = torch.stack(table).tolist()
        self._is_warm = True
        rows = {
            name: MatrixReading(
                spectral_norm=number(sigma),
                frobenius_norm=number(frobenius),
                stable_rank=ratio(frobenius**2, sigma**2),
                update_ratio=ratio(update, frobenius),
                gradient_norm=number(gradient),
            )
            for name, (sigma, frobenius, update), gradient in zip(self._matrices, norms, self._gradient_norms)
        }
        weight, update = (sum(row[i] ** 2 for row in norms) ** 0.5 for i in (1, 2))
        totals = Totals(
            weight_norm=number(weight),
            update_ratio=ratio(update, weight),
            gradient_norm=number(sum(value**2 for value in self._gradient_norms) ** 0.5),
            noise_scale=self._noise.scale,
            noise_source=self._noise.source,
        )
        return rows, totals

    def _norms(self, name: str, W: Tensor) -> Tensor:
        """sigma_1, ||W||_F and ||dW||_F; uses up what was kept of W."""
        iterations = 1 if self._is_warm else _FIRST_ITERATIONS
        update = norm(self._before.pop(name).sub_(W))
        W = whole(W)
        sigma, self._vectors[name] = power_iteration(W, self._vectors[name], iterations)
        return torch.stack([sigma, norm(W), update])

    def _spectrum(self, step: int) -> SpectrumReading:
        turn = step // self._recipe.spectrum_every - 1
        name = list(self._matrices)[turn % len(self._matrices)]
        W = whole(self._matrices[name])
        if not bool(W.isfinite().all()):
            return SpectrumReading(matrix=name, effective_rank=None, spectral_norm=None, condition=None)
        S = singular_values(W)
        return SpectrumReading(
            matrix=name,
            effective_rank=float(effective_rank(S)),
            spectral_norm=float(S[0]),
            condition=number(float(condition_number(S))),
        )

    def _sharpness(self, learning_rate: float | None) -> SharpnessReading:
        assert self._probe is not None
        training = [module for module in self._model.modules() if module.training]
        self._model.eval()  # dropout would make another function of every call
        try:
            top = sharpness(self._probe, self._trained)
        finally:
            for module in training:
                module.training = True
        return SharpnessReading(
            eigenvalue=number(top.value),
            residual=number(top.residual),
            products=top.products,
            limit=ratio(2.0, learning_rate) if learning_rate else None,
        )


def _due(step: int, every: int) -> bool:
    return every > 0 and step > 0 and step % every == 0
