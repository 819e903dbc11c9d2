"""All that is measured of two models: each part against what measures it alone."""

import dataclasses

import pytest
import torch

import eigenlm
from eigenlm.errors import ConfigError
from eigenlm.language_model import load
from eigenlm.model import Transformer
from eigenlm.tasks.side_by_side import Footprint
from eigenlm.tasks.side_by_side.default_texts import DOCUMENTATION, default_texts
from tests.tiny_sentence_encoder import tiny_sentence_encoder


@pytest.fixture(scope="module")
def folders(tiny_model, tmp_path_factory):
    lm = load(tiny_model)
    lm.model.blocks[0].feed_forward.down.weight.data *= 0.9
    other = tmp_path_factory.mktemp("models") / "other"
    lm.save(other)
    return tiny_model, other


def test_each_text_is_measured_by_itself(folders, tiny_text, tmp_path):
    second = tmp_path / "second.md"
    second.write_text("Vectors are rows of numbers.\n" * 30)
    found = eigenlm.side_by_side(*folders, [tiny_text, second], window=32)
    assert list(found.texts) == [str(tiny_text), str(second)]
    for path in (tiny_text, second):
        alone = eigenlm.measure(*folders, path, window=32)
        for figure in ("nll_increase", "kl", "agreement", "tokens"):
            assert getattr(found.texts[str(path)], figure) == getattr(alone, figure)
    assert set(found.speeds.timed) == {"prefill", "decode"}
    assert len(found.exchanges) == 5
    assert found.texts_given
    found.report(tmp_path / "page.html")
    assert "second.md" in (tmp_path / "page.html").read_text()


def test_a_plan_tells_its_forecast(tiny_model, tiny_text, tmp_path):
    text = tmp_path / "long.txt"
    text.write_text(tiny_text.read_text() * 12)
    plan = eigenlm.plan(load(tiny_model), keep=0.7, calibration=text, tokens=1024)
    plan.save(tmp_path / "plan.json")
    small = eigenlm.apply(plan)
    found = eigenlm.side_by_side(tiny_model, small, [text], plan=tmp_path / "plan.json", window=64)
    assert found.foretold.loss == plan.forecast
    assert found.foretold.divergence == plan.divergence
    assert found.foretold.text == str(text)
    assert found.after.file_bytes is None  # no file holds these layers
    small.save(tmp_path / "small")
    kept = Footprint.of(load(tmp_path / "small"))
    assert kept.file_bytes == kept.num_bytes == found.after.num_bytes < found.before.num_bytes


def test_bytes_of_a_file_are_those_of_its_tensors(tiny_model):
    of = Footprint.of(load(tiny_model))
    assert 0 < (tiny_model / "model.safetensors").stat().st_size - of.file_bytes < 8192  # the header
    assert of.num_bytes <= of.running_bytes


def test_without_a_text_both_read_what_is_always_there(tiny_model):
    lm = load(tiny_model)
    first, again = default_texts(lm), default_texts(lm)
    assert first == again
    assert next(iter(first)) == DOCUMENTATION
    assert len(lm.tokenizer.encode(first[DOCUMENTATION])) == pytest.approx(8192, rel=0.01)
    own = first["what the first model writes by itself"]
    assert len(own) == len(set(own)) == 8


def test_encoders_without_a_head_are_compared_by_their_vectors(tmp_path):
    tiny_sentence_encoder(tmp_path / "encoder")
    before, after = load(tmp_path / "encoder"), load(tmp_path / "encoder")
    with torch.no_grad():
        after.model.blocks[1].feed_forward.up.weight.mul_(1.1)
    (tmp_path / "text.txt").write_text("the rank of a matrix near the river. new money in the old ban k. " * 20)
    found = eigenlm.side_by_side(before, after, [tmp_path / "text.txt"], window=16)
    assert set(found.speeds.timed) == {"read"}
    assert found.exchanges == ()
    (effect,) = found.texts.values()
    assert effect.cosine_distance.value > 0
    assert default_texts(before).keys() == {DOCUMENTATION}


def test_models_that_do_not_compare_are_refused_before_anything_is_timed(tiny_model, tiny_text):
    lm = load(tiny_model)
    config = dataclasses.replace(lm.config, kind="encoder", head=None)
    encoder = dataclasses.replace(lm, model=Transformer(config).eval())
    with pytest.raises(ConfigError, match="two models of one kind, got decoder and encoder without a head"):
        eigenlm.side_by_side(lm, encoder, [tiny_text])
