"""`eigenlm plan` and `eigenlm apply`: a smaller folder that does what the plan said."""

import dataclasses
import json
from pathlib import Path

import gguf
import pytest
import torch
import transformers

import eigenlm
from eigenlm.cli import main
from eigenlm.config import to_dict
from eigenlm.linear import linear_maps
from eigenlm.model import Transformer

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def long_text(tmp_path_factory: pytest.TempPathFactory, tiny_text: Path) -> Path:
    """Enough for two windows and more."""
    path = tmp_path_factory.mktemp("texts") / "long.txt"
    path.write_text("\n".join([tiny_text.read_text()] * 12))
    return path


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, long_text: Path) -> Path:
    path = tmp_path_factory.mktemp("plans") / "plan.json"
    words = ["plan", str(tiny_model), "--keep", "0.7", "--text", str(long_text), "--tokens", "1024", "--out", str(path)]
    assert main(words) == 0
    return path


def test_json_plan_keeps_the_budget(tiny_model: Path, long_text: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "plan.json"
    words = ["plan", str(tiny_model), "--keep", "0.5", "--text", str(long_text), "--tokens", "1024", "--out", str(out)]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["num_params_after"] <= 0.5 * told["num_params_before"]
    assert sum(action["rows"] * action["columns"] for action in told["actions"]) == told["num_params_before"]
    assert told["forecast"]["low"] <= told["forecast"]["value"] <= told["forecast"]["high"]
    assert eigenlm.Plan.load(out).num_params_after == told["num_params_after"]


def test_applied_folder_is_smaller_and_measured(
    plan_file: Path, tiny_model: Path, long_text: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "smaller"
    assert main(["apply", str(plan_file), "--out", str(out), "--text", str(long_text), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    plan = eigenlm.Plan.load(plan_file)
    before, after = eigenlm.load(tiny_model), eigenlm.load(out)
    saved = sum(p.numel() for p in before.model.parameters()) - sum(p.numel() for p in after.model.parameters())
    assert saved == plan.num_params_before - plan.num_params_after > 0
    assert told["num_params"] == sum(p.numel() for p in after.model.parameters())
    gap = [eigenlm.perplexity(lm, long_text.read_text(), window=128).nll for lm in (after, before)]
    # What was measured was read from the folder; sums differ by rounding.
    (measured,) = told["measured"]["texts"].values()
    assert measured["nll_increase"]["value"] == pytest.approx(gap[0] - gap[1], abs=1e-5)


def test_the_page_of_a_plan_draws_its_forecast_beside_what_was_measured(
    plan_file: Path, tiny_text: Path, long_text: Path, tmp_path: Path, capsys: Capture
) -> None:
    page, out = tmp_path / "page.html", tmp_path / "hf"
    texts = ["--text", str(long_text), str(tiny_text)]
    words = ["apply", str(plan_file), "--to", "hf", *texts, "--html", str(page), "--out"]
    assert main([*words, str(page)]) == 2
    assert "expected a place beside the model, got that of the model" in capsys.readouterr().err
    assert main([*words, str(out)]) == 0
    plan, html = eigenlm.Plan.load(plan_file), page.read_text()
    for told in (plan.forecast, plan.divergence):
        assert f"{told.value:.4f} ({told.low:.4f} to {told.high:.4f})" in html
    assert html.count('<span class="name">Forecast</span>') == 2
    # What was written was measured, in which matrices are whole again.
    assert f"{eigenlm.load(out).num_params:,}" in html
    assert "report: " in capsys.readouterr().out


@pytest.mark.parametrize("keep", ["0", "-0.5", "1.5", "nan"])
def test_keep_outside_its_range(tiny_model: Path, long_text: Path, tmp_path: Path, capsys: Capture, keep: str) -> None:
    words = ["plan", str(tiny_model), "--keep", keep, "--text", str(long_text), "--out", str(tmp_path / "plan.json")]
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("eigenlm: keep: expected a fraction in (0, 1]")
    assert list(tmp_path.iterdir()) == []


def test_too_little_text(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    text = tmp_path / "text.txt"
    text.write_text("one")
    assert main(["plan", str(tiny_model), "--text", str(text), "--out", str(tmp_path / "plan.json")]) == 2
    err = capsys.readouterr().err
    assert err.startswith("eigenlm: ")
    assert err.count("\n") == 1


def test_a_plan_that_is_none(tmp_path: Path, capsys: Capture) -> None:
    for content in (None, "", "{}", '{"format": "eigenlm plan", "version": 99}'):
        path = tmp_path / "plan.json"
        if content is not None:
            path.write_text(content)
        assert main(["apply", str(path), "--out", str(tmp_path / "out")]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_plan_without_its_factors(plan_file: Path, tmp_path: Path, capsys: Capture) -> None:
    alone = tmp_path / "plan.json"
    alone.write_bytes(plan_file.read_bytes())
    assert main(["apply", str(alone), "--out", str(tmp_path / "out")]) == 2
    assert "plan.safetensors" in capsys.readouterr().err


def test_a_second_plan_decides_about_every_layer(
    plan_file: Path, long_text: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["apply", str(plan_file), "--out", str(tmp_path / "smaller")]) == 0
    words = ["plan", str(tmp_path / "smaller"), "--keep", "0.6", "--text", str(long_text), "--tokens", "1024"]
    assert main([*words, "--out", str(tmp_path / "second.json")]) == 0
    first, second = eigenlm.Plan.load(plan_file), eigenlm.Plan.load(tmp_path / "second.json")
    assert len(first.actions) == len(second.actions) == 14
    assert second.num_params_before == first.num_params_after
    assert second.num_params_after <= 0.6 * second.num_params_before
    assert main(["apply", str(tmp_path / "second.json"), "--out", str(tmp_path / "smallest")]) == 0
    numbers = [eigenlm.load(tmp_path / name).num_params for name in ("smaller", "smallest")]
    assert numbers[0] - numbers[1] == second.num_params_before - second.num_params_after > 0


def test_a_plan_with_eight_bits(tiny_model: Path, long_text: Path, tmp_path: Path, capsys: Capture) -> None:
    words = ["plan", str(tiny_model), "--keep", "0.4", "--text", str(long_text), "--tokens", "1024"]
    assert main([*words, "--methods", "int8", "low_rank", "--out", str(tmp_path / "plan.json")]) == 0
    assert "int8" in capsys.readouterr().out
    assert main(["apply", str(tmp_path / "plan.json"), "--out", str(tmp_path / "small"), "--json"]) == 0
    told, plan = json.loads(capsys.readouterr().out), eigenlm.Plan.load(tmp_path / "plan.json")
    small = eigenlm.load(tmp_path / "small")
    assert told["num_bytes"] == small.num_bytes < eigenlm.load(tiny_model).num_bytes
    assert plan.num_bytes_after <= 0.4 * plan.num_bytes_before
    assert isinstance(small.generate("The matrix", max_tokens=4), str)
    assert main([*words, "--methods", "int4", "--out", str(tmp_path / "other.json")]) == 2
    assert "did you mean 'int8'?" in capsys.readouterr().err


def test_models_without_a_head(tiny_model: Path, long_text: Path, tmp_path: Path, capsys: Capture) -> None:
    lm = eigenlm.load(tiny_model)
    words = ["--text", str(long_text), "--tokens", "512", "--keep", "0.5", "--sizes", "2"]
    for kind in ("encoder", "decoder"):
        config = dataclasses.replace(lm.config, kind=kind, head=None)
        dataclasses.replace(lm, model=Transformer(config)).save(tmp_path / kind)
    assert main(["plan", str(tmp_path / "encoder"), *words, "--out", str(tmp_path / "plan.json")]) == 0
    assert "of 1 - cosine, the mean over tokens" in " ".join(capsys.readouterr().out.split())
    assert main(["apply", str(tmp_path / "plan.json"), "--out", str(tmp_path / "smaller")]) == 0
    capsys.readouterr()
    assert main(["plan", str(tmp_path / "decoder"), *words, "--out", str(tmp_path / "other.json")]) == 2
    err = capsys.readouterr().err
    assert "planning: expected a decoder with a head, or an encoder, got a decoder without a head" in err
    assert err.count("\n") == 1


def test_a_plan_of_few_bits_goes_into_a_gguf_file_as_it_is(tiny_model: Path, long_text: Path, tmp_path: Path) -> None:
    plan, folder, file = tmp_path / "bits.json", tmp_path / "folder", tmp_path / "model.gguf"
    words = ["--methods", "bits", "--keep", "0.15", "--text", str(long_text), "--tokens", "512", "--out", str(plan)]
    assert main(["plan", str(tiny_model), *words]) == 0
    assert main(["apply", str(plan), "--out", str(folder)]) == 0
    assert main(["apply", str(plan), "--to", "gguf", "--out", str(file)]) == 0
    decided = {decision.name: to_dict(decision.action) for decision in eigenlm.Plan.load(plan).actions}
    kinds = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(file).tensors}
    assert kinds["blk.0.ffn_up.weight"] == decided["blocks.0.feed_forward.up"]["type"]
    kept, read = eigenlm.load(folder), eigenlm.load(file)
    for name, layer in linear_maps(kept.model).items():
        if decided.get(name, {}).get("kind") == "blocks":
            assert layer.kind == "blocks"
            assert torch.equal(layer.dense(), read.model.get_submodule(name).dense()), name


def test_a_plan_is_applied_for_transformers(plan_file: Path, tmp_path: Path) -> None:
    assert main(["apply", str(plan_file), "--to", "hf", "--out", str(tmp_path / "hf")]) == 0
    assert main(["apply", str(plan_file), "--out", str(tmp_path / "folder")]) == 0
    theirs, ours = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf"), eigenlm.load(tmp_path / "folder")
    ids = torch.arange(12)[None]
    torch.testing.assert_close(theirs(ids).logits, ours.model(ids), rtol=1e-4, atol=1e-4)  # products of float32
