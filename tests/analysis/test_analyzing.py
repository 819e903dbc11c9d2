"""The one call, on whatever holds a model."""

import json
import shutil

import pytest
import torch
import transformers
from torch import nn

import eigenlm
from eigenlm.analysis import analyze
from eigenlm.errors import CheckpointError, ConfigError, DataError
from eigenlm.linear import InterpolativeLinear, LowRankLinear


def bigrams() -> nn.Sequential:
    """A language model that is no transformer: the next token from the last."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9))


def test_any_module_that_takes_ids_is_run():
    ids = torch.randint(0, 9, (2, 6), generator=torch.Generator().manual_seed(0))
    found = analyze(bigrams(), text=ids, curvature=True)
    assert [row.name for row in found.matrices] == ["0", "1"]
    assert [row.name for row in found.activations.linear_inputs] == ["1"]
    logits = bigrams()(ids[:, :-1])
    nll = nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    assert found.curvature.loss == pytest.approx(nll.item(), rel=1e-5)  # float32
    assert found.left_out == {}
    assert found.senses is None  # it has no tokenizer


def test_a_section_that_fails_leaves_the_others_and_says_why():
    found = analyze(nn.Sequential(nn.Embedding(9, 4), nn.Linear(5, 9)), text=torch.zeros(2, 6, dtype=torch.int64))
    assert len(found.matrices) == 2
    assert found.activations is None
    assert "expected a module of (B, T) token ids" in found.left_out["activations"]


def test_an_encoder_of_transformers_has_gradients_and_no_loss():
    config = transformers.BertConfig(
        vocab_size=30, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
    )
    found = analyze(transformers.BertModel(config), text=torch.arange(20).view(2, 10), curvature=True)
    assert found.curvature.left_out == {
        "loss": "predicting tokens: expected a module that gives logits, got"
        " BaseModelOutputWithPoolingAndCrossAttentions; take the class with a language-model head"
    }
    assert [layer.name for layer in found.curvature.gradient_flow.layers] == ["encoder.layer.0", "encoder.layer.1"]


def test_a_model_that_cannot_be_run_has_its_spectra_and_says_why_no_more(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "odd")
    config = json.loads((tmp_path / "odd" / "config.json").read_text())
    (tmp_path / "odd" / "config.json").write_text(json.dumps(config | {"model_type": "no-such-family"}))
    found = analyze(tmp_path / "odd", text="words", curvature=True)
    assert len(found.matrices) == len(analyze(tiny_model).matrices)
    assert set(found.left_out) == {"activations", "curvature", "senses"}
    assert "got 'no-such-family'" in found.left_out["activations"]


@pytest.mark.parametrize("kind", [LowRankLinear, InterpolativeLinear])
def test_a_matrix_whose_inputs_are_not_watched_is_named(kind):
    torch.manual_seed(0)
    thin = kind.from_factors(torch.randn(9, 2), torch.randn(2, 6))
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 6), thin)
    found = analyze(model, text=torch.randint(0, 9, (2, 6)))
    rows = {row.name for row in found.activations.linear_inputs}
    missing = [one.reason for one in found.activations.left_out if one.part == "linear inputs"]
    assert "1" in rows
    assert ("2" in rows) != (missing == ["2: no linear layers whose inputs can be watched"])


def test_the_matrices_alone_are_what_they_are_with_a_text(tiny_model, tiny_text):
    lm = eigenlm.load(tiny_model, device="cpu")
    assert analyze(lm, text=tiny_text).matrices == analyze(lm).matrices


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        ({"w": torch.eye(3)}, {"curvature": True}, ConfigError, "expected a model that runs, got dict"),
        (bigrams(), {"text": "words"}, ConfigError, r"expected token ids \(B, T\), since a module has no tokenizer"),
        ("no-such-model", {}, CheckpointError, "nothing of that name"),
        (nn.LayerNorm(4), {}, DataError, "expected at least one floating-point tensor of two or more dimensions"),
    ],
)
def test_what_cannot_be_analysed(model, options, error, message):
    with pytest.raises(error, match=message):
        analyze(model, **options)
