import math
from dataclasses import asdict

import pytest
import torch
from torch import nn

from eigenlm.training.recipe import TelemetryRecipe
from eigenlm.training.telemetry import GradientNoise, Telemetry

SAMPLES = 32
SHAPE = (48, 20)


def synthetic(seed):
    """Per-sample gradients G + deviation * standard normal, of known |G|^2 and tr(Sigma)."""
    draw = torch.Generator().manual_seed(seed)
    G = torch.randn(SHAPE, generator=draw) * 0.05
    deviation = torch.rand(SHAPE, generator=draw)
    samples = lambda: G + deviation * torch.randn(SAMPLES, *SHAPE, generator=draw)  # noqa: E731
    return samples, G, deviation


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_micro_batches_give_the_noise_scale_of_a_known_covariance(share):
    samples, G, deviation = synthetic(0)
    truth = float(deviation.square().sum() / SAMPLES / G.square().sum())
    model = nn.Linear(SHAPE[1], SHAPE[0], bias=False)
    watch = Telemetry(model, TelemetryRecipe(every=1, spectrum_every=0))
    first = int(share * SAMPLES)
    for step in range(1, 201):
        gradients = samples()
        model.weight.grad = gradients[:first].sum(0) / SAMPLES
        watch.micro_batch(step, share)
        model.weight.grad = gradients.sum(0) / SAMPLES
        watch.micro_batch(step, 1.0)
        watch.before_step(step)
        reading = watch.after_step(step)
    assert reading.totals.noise_source == "micro-batches"
    # Some 10 readings are averaged, each off by sqrt(2 / 960) / share, relative, and smaller parts; five deviations.
    assert reading.totals.noise_scale == pytest.approx(truth, rel=5 * math.sqrt(2 / 960) / share / math.sqrt(10))


def test_successive_steps_give_it_where_the_true_gradient_stands_still():
    samples, G, deviation = synthetic(1)
    truth = float(deviation[::16].square().sum() / SAMPLES / G[::16].square().sum())
    model = nn.Linear(SHAPE[1], SHAPE[0], bias=False)
    watch = Telemetry(model, TelemetryRecipe(every=2, spectrum_every=0))
    scales = []
    for step in range(1, 801):
        model.weight.grad = samples().mean(0)
        watch.before_step(step)
        if (reading := watch.after_step(step)) is not None:
            scales.append(reading.totals)
    assert {totals.noise_source for totals in scales} == {"successive steps"}
    inverse = torch.tensor([1 / t.noise_scale if t.noise_scale else 0.0 for t in scales[50:]])
    # Few rows make a noisy signal; the mean over some 35 independent averages comes within a third of the truth.
    assert 1 / float(inverse.mean()) == pytest.approx(truth, rel=0.33)


def test_both_estimates_are_exact_without_noise_and_none_without_signal():
    noise = GradientNoise()
    assert noise.scale is None
    noise.from_micro_batch(4.0, 4.0, 0.5)
    assert noise.scale == 0.0
    lost = GradientNoise()
    lost.from_successive(1.0, 1.0, -0.2)
    assert lost.scale is None


def test_micro_batch_estimates_are_without_bias_in_expectation():
    """Put E|g_s|^2 = |G|^2 + tr / s and E|g|^2 = |G|^2 + tr in, and both come out."""
    noise, signal, trace, share = GradientNoise(), 3.0, 7.0, 0.2
    noise.from_micro_batch(signal + trace / share, signal + trace, share)
    assert noise.scale == pytest.approx(trace / signal, rel=1e-12)  # float64


def test_nan_is_not_remembered():
    noise = GradientNoise()
    noise.from_micro_batch(9.0, 5.0, 0.5)
    before = asdict(noise)
    noise.from_successive(math.nan, 1.0, math.nan)
    assert asdict(noise) == before
