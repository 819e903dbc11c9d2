"""The logit lens against torch's losses, layer by layer, and against the model's own answers."""

import pytest
import torch
import torch.nn.functional as F

from eigenlm.analysis.activations import activations
from eigenlm.analysis.activations.logit_lens import LensSums
from tests.analysis.activations.test_residual_stream import stored_streams
from tests.model.test_transformer import BERT, DECODERS, LLAMA, build, ids

WINDOWS = ids(5, 12, seed=3)


@pytest.mark.parametrize("config", [DECODERS["llama"], DECODERS["sinusoidal"]], ids=["pre-norm", "post-norm"])
def test_readings_equal_torchs_losses(config):
    model = build(config)
    readings = [row.lens for row in activations(model, WINDOWS).layers]
    targets = WINDOWS[:, 1:].flatten()
    logits = [
        model.logits(x.float() if model.norm is None else model.norm(x.float()))[:, :-1].flatten(0, 1).detach().double()
        for x in stored_streams(model, WINDOWS)
    ]
    final = logits[-1].log_softmax(-1)
    for reading, layer in zip(readings, logits):
        losses = F.cross_entropy(layer, targets, reduction="none")
        divergence = F.kl_div(layer.log_softmax(-1), final, log_target=True, reduction="batchmean")
        assert reading.tokens == len(targets) == 55
        assert reading.nll == pytest.approx(float(losses.mean()), rel=1e-5)  # float32 logits
        assert reading.nll_error == pytest.approx(float(losses.std() / 55**0.5), rel=1e-4)
        assert reading.kl == pytest.approx(float(divergence), rel=1e-4, abs=1e-6)
        assert reading.agreement == pytest.approx(float((layer.argmax(-1) == logits[-1].argmax(-1)).double().mean()))
    assert (readings[-1].agreement, readings[-1].kl) == (1.0, 0.0)


def test_the_last_layer_is_the_model():
    model = build(LLAMA)
    last = activations(model, WINDOWS).layers[-1].lens
    loss = F.cross_entropy(model(WINDOWS)[:, :-1].flatten(0, 1), WINDOWS[:, 1:].flatten())
    assert last.nll == pytest.approx(float(loss.detach()), rel=1e-5)  # float32 logits


def test_tokens_in_small_portions_give_the_same(monkeypatch):
    model = build(LLAMA)
    streams = torch.randn(3, 20, 16, generator=torch.Generator().manual_seed(0))
    targets = ids(1, 20)[0]
    readings = []
    for most in (1 << 25, 3 * 31 * 6):
        monkeypatch.setattr("eigenlm.analysis.activations.logit_lens._MOST_LOGITS", most)
        sums = LensSums(model)
        with torch.no_grad():
            sums.add(streams, targets)
        readings.append([(reading.nll, reading.agreement, reading.kl) for reading in sums.readings()])
    torch.testing.assert_close(torch.tensor(readings[0]), torch.tensor(readings[1]), rtol=1e-5, atol=1e-6)  # float32


def test_an_encoder_has_none():
    found = activations(build(BERT), WINDOWS)
    assert {row.lens for row in found.layers} == {None}
    assert ("logit lens", "only decoders predict the next token") in [(x.part, x.reason) for x in found.left_out]
