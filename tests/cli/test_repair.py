"""`eigenlm repair`: folders and adapters of a quantized model, which give back what rounding took."""

import json
from pathlib import Path

import pytest
import torch
from gguf import GGUFReader

import eigenlm
from eigenlm.cli import main
from tests.model.test_transformer import ids

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def rounded(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder of few bits a number."""
    folder = tmp_path_factory.mktemp("rounded")
    assert main(["export", str(tiny_model), "--to", "gguf", "--storage", "Q4_0", "--out", str(folder / "m.gguf")]) == 0
    assert main(["export", str(folder / "m.gguf"), "--to", "hf", "--out", str(folder / "hf")]) == 0
    return folder


def words(model: Path, of: Path, text: Path, out: Path, *more: str) -> list[str]:
    options = ["--of", str(of), "--text", str(text), "--tokens", "64", "--rank", "6", "--out", str(out)]
    return ["repair", str(model), *options, *more]


def test_each_format_holds_the_same_repair(
    rounded: Path, tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture
) -> None:
    for to, model in (("eigenlm", rounded / "hf"), ("peft", rounded / "hf"), ("gguf", rounded / "m.gguf")):
        assert main([*words(model, tiny_model, tiny_text, tmp_path / to, "--to", to), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["to"], told["out"]) == (to, str(tmp_path / to))
        assert {layer["rank"] for layer in told["layers"]} == {6}
        assert all(layer["loss"] < layer["loss_before"] for layer in told["layers"])
        assert told["num_params"] == sum(layer["num_params"] for layer in told["layers"])
    whole, merged = eigenlm.load(tmp_path / "eigenlm"), eigenlm.load(rounded / "hf", adapter=tmp_path / "peft")
    with torch.no_grad():
        torch.testing.assert_close(merged.model(ids(2, 9)), whole.model(ids(2, 9)), rtol=0, atol=1e-5)
    added = {each.name: each for each in GGUFReader(tmp_path / "gguf").tensors}
    assert [*added["blk.0.ffn_up.weight.lora_a"].shape] == [32, 6]  # GGUF writes the fastest size first
    assert [*added["blk.0.ffn_up.weight.lora_b"].shape] == [6, 64]


def test_people_are_told_what_came_back_and_what_to_do_next(
    rounded: Path, tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "lora.gguf"
    more = ["--to", "gguf", "--choose-ranks", "--storage", "F16"]
    assert main(words(rounded / "m.gguf", tiny_model, tiny_text, out, *more)) == 0
    told = capsys.readouterr().out
    assert "loss that is left" in told
    assert f"llama-cli --model {rounded / 'm.gguf'} --lora {out}" in told


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--rank", "0"], "rank: expected at least 1, got 0"),
        (["--rank", "65"], "rank: expected at most 32, that of the largest matrix, got 65"),
        (["--storage", "F16"], "storage: expected that of an adapter, got an eigenlm folder"),
        (["--of", "nosuch"], "finding the model 'nosuch'"),
        (["--tokens", "2"], "tokens: expected at least 4, got 2"),
    ],
)
def test_what_does_not_fit_is_told(
    rounded: Path, tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture, more: list[str], said: str
) -> None:
    assert main(words(rounded / "hf", tiny_model, tiny_text, tmp_path / "out", *more)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_model_itself_has_nothing_to_repair(
    tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main(words(tiny_model, tiny_model, tiny_text, tmp_path / "out")) == 2
    assert "got the same in both models, so that nothing is to be repaired" in capsys.readouterr().err
