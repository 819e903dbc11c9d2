import json
from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from eigenlm.errors import CheckpointError, ConfigError
from eigenlm.linalg import effective_rank, singular_values
from eigenlm.model import Transformer
from eigenlm.training.recipe import TelemetryRecipe
from eigenlm.training.telemetry import Telemetry, scalars, trained_matrices

EVERY_STEP = TelemetryRecipe(every=1, spectrum_every=1)


class Twin:
    """Keeps copies of the weights and gradients of every step, and computes all from them in float64."""

    def __init__(self, run):
        self.before, self.gradients = {}, {}
        step = run.optimizer.step

        def watched_step():
            self.before = {n: p.detach().double().clone() for n, p in trained_matrices(run.model).items()}
            step()

        run.optimizer.step = watched_step


def test_update_ratio_frobenius_and_totals_are_those_of_a_naive_twin(new_run):
    run = new_run(EVERY_STEP)
    twin = Twin(run)
    run.go(5)
    reading, after = run.readings[-1], {n: p.detach().double() for n, p in trained_matrices(run.model).items()}
    assert reading.matrices.keys() == after.keys()
    for name, row in reading.matrices.items():
        change = torch.linalg.norm(after[name] - twin.before[name]) / torch.linalg.norm(after[name])
        assert row.update_ratio == pytest.approx(change.item(), rel=1e-4)  # float32: dW is 1e-2 of W, whose eps is 1e-7
        assert row.frobenius_norm == pytest.approx(torch.linalg.norm(after[name]).item(), rel=1e-5)  # float32 sums
        assert row.stable_rank == pytest.approx((row.frobenius_norm / row.spectral_norm) ** 2, rel=1e-12)
    weights = torch.cat([W.flatten() for W in after.values()])
    change = weights - torch.cat([W.flatten() for W in twin.before.values()])
    assert reading.totals.weight_norm == pytest.approx(weights.norm().item(), rel=1e-5)  # float32 sums
    assert reading.totals.update_ratio == pytest.approx((change.norm() / weights.norm()).item(), rel=1e-4)  # as above


def test_gradient_norms_are_those_before_clipping(new_run):
    run = new_run(EVERY_STEP)
    names, seen = trained_matrices(run.model), {}
    before_step = run.watch.before_step

    def look(step):
        seen.update({name: p.grad.double().norm().item() for name, p in names.items()})
        before_step(step)

    run.watch.before_step = look
    run.go(3)
    for name, row in run.readings[-1].matrices.items():
        assert row.gradient_norm == pytest.approx(seen[name], rel=1e-5)  # float32 sums


def test_spectral_norm_follows_the_truth_from_below_and_spectra_take_turns(new_run):
    run = new_run(EVERY_STEP)
    names = list(trained_matrices(run.model))
    for turn in range(len(names) + 2):
        run.go(1)
        reading, weights = run.readings[-1], trained_matrices(run.model)
        for name, row in reading.matrices.items():
            truth = torch.linalg.matrix_norm(weights[name].detach().double(), ord=2).item()
            # Below: 16 iterations leave tan^2 / 32, about 1 - 0.7^2 for tan = 4, of random weights without any gap,
            # whatever tests/linalg/test_power_iteration.py bounds by the gap. Above: float32 rounding alone.
            assert 0.7 * truth <= row.spectral_norm <= truth * (1 + 1e-6)
        assert reading.spectrum.matrix == names[turn % len(names)]
        S = torch.linalg.svdvals(weights[reading.spectrum.matrix].detach().double())
        dense = -torch.special.xlogy(S / S.sum(), S / S.sum()).sum()
        assert reading.spectrum.effective_rank == pytest.approx(dense.exp().item(), rel=1e-6)  # float64 on both sides
    run.go(100)  # by now training has opened gaps, and single iterations follow what it turns
    for name, W in trained_matrices(run.model).items():
        truth = torch.linalg.matrix_norm(W.detach().double(), ord=2).item()
        assert 0.9 * truth <= run.readings[-1].matrices[name].spectral_norm <= truth * (1 + 1e-6)


def test_steps_that_are_not_due_give_nothing(new_run):
    run = new_run(TelemetryRecipe(every=4, spectrum_every=6)).go(13)
    assert [reading.step for reading in run.readings] == [4, 6, 8, 12]
    assert [bool(reading.matrices) for reading in run.readings] == [True, False, True, True]
    assert [reading.spectrum is not None for reading in run.readings] == [False, True, False, True]
    assert not new_run(TelemetryRecipe(every=0, spectrum_every=0)).go(5).readings


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("cut", [7, 8, 9])
def test_resumed_readings_and_alarms_are_the_same_bits(new_run, parts, cut):
    recipe = TelemetryRecipe(every=4, spectrum_every=3, hessian_every=8)
    whole = new_run(recipe, parts=parts).go(18)
    first = new_run(recipe, parts=parts).go(cut)
    second = new_run(recipe, parts=parts)
    second.model.load_state_dict(first.model.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.watch.load_state_dict(first.watch.state_dict())
    second.ear.load_state_dict(json.loads(json.dumps(first.ear.state_dict())))
    second.step = cut
    second.go(18 - cut)
    lines = [json.dumps(asdict(reading)) for reading in whole.readings]
    assert [json.dumps(asdict(reading)) for reading in first.readings + second.readings] == lines
    assert second.ear.state_dict() == whole.ear.state_dict()


def test_a_run_cut_between_micro_batches_reads_the_same_noise():
    def feed(watch, first, cut):
        model.weight.grad = first * 0.5
        watch.micro_batch(1, 0.5)
        if cut:
            state = watch.state_dict()
            watch = Telemetry(model, EVERY_STEP)
            watch.load_state_dict(state)
        model.weight.grad = first * 0.5 + 0.1
        watch.micro_batch(1, 1.0)
        watch.before_step(1)
        return watch.after_step(1).totals

    model = nn.Linear(3, 2, bias=False)
    first = torch.linspace(1, 2, 6).reshape(2, 3)
    whole, cut = (feed(Telemetry(model, EVERY_STEP), first, cut) for cut in (False, True))
    assert cut == whole
    assert whole.noise_source == "micro-batches"


def test_a_batch_that_is_passed_over_leaves_no_micro_batch_behind():
    model = nn.Linear(3, 2, bias=False)
    watch = Telemetry(model, EVERY_STEP)
    for gradient in (torch.nan, 1.0):  # the step's number stays when its first batch is passed over
        model.weight.grad = torch.full((2, 3), gradient * 0.5)
        watch.micro_batch(1, 0.5)
        model.weight.grad = torch.full((2, 3), gradient)
        watch.before_step(1)
    assert watch.after_step(1).totals.noise_scale == 0.0  # both halves agree


def test_state_holds_tensors_and_plain_numbers_under_constant_keys(new_run):
    run = new_run(EVERY_STEP)
    fresh = run.watch.state_dict()
    later = run.go(3).watch.state_dict()
    assert fresh.keys() == later.keys()
    assert all(type(value) in (torch.Tensor, int, float) for value in later.values())
    frozen = {key: value.clone() for key, value in later.items() if isinstance(value, torch.Tensor)}
    run.go(1)
    assert all(torch.equal(value, later[key]) for key, value in frozen.items())  # later steps do not reach into it


def test_state_of_another_model_is_refused(new_run):
    state = new_run(EVERY_STEP).watch.state_dict()
    other = Telemetry(nn.Sequential(nn.Linear(3, 2)), EVERY_STEP)
    with pytest.raises(CheckpointError, match=r"vector\.0.*nothing"):
        other.load_state_dict(state)


def test_watching_changes_nothing_in_the_training(new_run):
    watched = new_run(TelemetryRecipe(every=1, spectrum_every=2, hessian_every=3)).go(6)
    alone = new_run(TelemetryRecipe(every=0, spectrum_every=0)).go(6)
    for a, b in zip(watched.model.parameters(), alone.model.parameters()):
        assert torch.equal(a, b)
    assert watched.model.training
    assert all(module.training for module in watched.model.modules())


@pytest.mark.parametrize("how", ["plain", "compiled", "compiled in place"])
def test_compiled_models_read_as_plain_ones_with_their_hessian(how):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    model = torch.compile(plain, backend="aot_eager") if how == "compiled" else plain
    if how == "compiled in place":
        model.compile(backend="aot_eager")
    x = torch.linspace(-1, 1, 24).reshape(4, 6)
    loss = lambda: model(x).square().mean()  # noqa: E731
    watch = Telemetry(model, TelemetryRecipe(every=1, spectrum_every=1, hessian_every=1), loss)
    loss().backward()
    watch.before_step(1)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter -= 0.1 * parameter.grad
    reading = watch.after_step(1, 0.1)
    assert list(reading.matrices) == ["0", "2"]
    weights = [p.detach().clone() for p in plain.parameters()]

    def twin(W, b, V, c):
        return (torch.tanh(x @ W.mT + b) @ V.mT + c).square().mean()

    blocks = torch.autograd.functional.hessian(twin, tuple(weights))
    sizes = [p.numel() for p in weights]
    dense = torch.cat([torch.cat([h.reshape(m, n) for h, n in zip(row, sizes)], 1) for row, m in zip(blocks, sizes)])
    truth = torch.linalg.eigvalsh(dense.double())[-1].item()
    assert reading.hessian.eigenvalue == pytest.approx(truth, rel=1e-3)  # a residual of 1e-2, squared over the gap


def test_names_are_those_of_the_bare_model(new_run):
    model = new_run(EVERY_STEP).model
    names = list(trained_matrices(model))
    assert {"blocks.1.attention.query", "blocks.0.feed_forward.up", "embedding.token"} <= set(names)
    for wrapped in (torch.compile(model, backend="eager"), nn.ModuleDict({"module": model})):
        assert list(trained_matrices(wrapped)) == names


def test_a_reading_is_json_and_curves(new_run):
    run = new_run(TelemetryRecipe(every=1, spectrum_every=1, hessian_every=2)).go(2)
    reading = run.readings[-1]
    assert json.loads(json.dumps(asdict(reading), allow_nan=False))["step"] == 2
    curves = scalars(reading)
    query = reading.matrices["blocks.0.attention.query"]
    assert curves["update_ratio/blocks.0.attention.query"] == query.update_ratio
    assert curves[f"effective_rank/{reading.spectrum.matrix}"] == reading.spectrum.effective_rank
    assert curves["hessian/eigenvalue"] == reading.hessian.eigenvalue
    assert curves["hessian/limit"] == pytest.approx(2 / run.learning_rate, rel=1e-15)  # one division
    assert all(isinstance(value, (int, float)) for value in curves.values())


def test_nan_weights_are_told_as_none_and_do_not_spoil_what_comes_after(new_run):
    run = new_run(EVERY_STEP).go(2)
    state = {name: value.clone() for name, value in run.model.state_dict().items()}
    with torch.no_grad():
        run.model.blocks[0].attention.query.weight[0, 0] = torch.nan
    run.go(1)
    assert run.readings[-1].matrices["blocks.0.attention.query"].spectral_norm is None
    json.dumps(asdict(run.readings[-1]), allow_nan=False)
    run.model.load_state_dict(state)
    run.optimizer = torch.optim.AdamW(run.model.parameters(), lr=1e-3)
    run.go(2)
    rows = run.readings[-1].matrices.values()
    assert all(value is not None for row in rows for value in asdict(row).values())


def test_zero_matrices_and_frozen_ones(new_run):
    model = new_run(EVERY_STEP).model
    model.blocks[0].attention.key.weight.requires_grad_(False)
    with torch.no_grad():
        model.blocks[0].attention.output.weight.zero_()
    run = new_run(EVERY_STEP, model, learning_rate=1e-30).go(1)
    assert "blocks.0.attention.key" not in run.readings[0].matrices
    row = run.readings[0].matrices["blocks.0.attention.output"]
    assert (row.spectral_norm, row.stable_rank) == (0.0, None)


def test_nonsense_is_refused():
    model = nn.Linear(3, 2)
    with pytest.raises(ConfigError, match=r"telemetry\.every"):
        Telemetry(model, replace(EVERY_STEP, every=-1))
    with pytest.raises(ConfigError, match="probe"):
        Telemetry(model, replace(EVERY_STEP, hessian_every=5))
    with pytest.raises(ConfigError, match="trained matrices"):
        Telemetry(nn.LayerNorm(4), EVERY_STEP)


def test_effective_rank_of_the_linear_algebra_is_what_is_read(new_run):
    run = new_run(EVERY_STEP).go(1)
    assert isinstance(run.model, Transformer)
    W = trained_matrices(run.model)[run.readings[0].spectrum.matrix]
    assert run.readings[0].spectrum.effective_rank == float(effective_rank(singular_values(W)))
