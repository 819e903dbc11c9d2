"""What a plan may be asked for: it is reached on the whole model, table of tokens included, and told when it cannot."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

import eigenlm
from eigenlm.cli import main
from eigenlm.compression import Plan, apply_, plan
from eigenlm.errors import ConfigError
from eigenlm.observe import token_table
from tests.model.test_transformer import BERT, LLAMA, build, ids

WINDOWS = ids(8, 16, seed=1)
TEXT = ["the cat sat on the mat and the dog ran to the cat " * 40]


@pytest.fixture(scope="module")
def lm(tiny_model: Path) -> eigenlm.LanguageModel:
    return eigenlm.load(tiny_model)


def sized(lm: eigenlm.LanguageModel, **asked: Any) -> Plan:
    return eigenlm.plan(lm, calibration=TEXT, tokens=256, methods=("bits",), sizes=asked.pop("sizes", 0), goal=asked)


def file_bytes(model: torch.nn.Module) -> int:
    return sum(tensor.nbytes for tensor in model.state_dict().values())


def test_bits_are_those_of_a_number_on_average() -> None:
    model = build(LLAMA)
    made = plan(model, WINDOWS, goal={"bits": 9.5}, methods=("bits", "int8"))
    numbers = sum(each.rows * each.columns for each in made.actions)
    assert 9.0 < 8 * made.num_bytes_after / numbers <= 9.5
    assert "embedding.token" not in {each.name for each in made.actions}


@pytest.mark.parametrize("methods", [("low_rank",), ("low_rank", "int8")])
def test_a_size_is_that_of_all_tensors_places_of_rows_included(methods: tuple[str, ...]) -> None:
    model = build(LLAMA)
    size = int(0.7 * file_bytes(model))
    made = plan(model, WINDOWS, goal={"size": size}, methods=methods)
    assert "embedding.token" in {each.name for each in made.actions}
    apply_(model, made)
    assert made.chosen is not None
    assert 0.9 * size < file_bytes(model) <= made.chosen.num_bytes <= size


def test_few_bits_on_a_trellis_reach_the_table_of_tokens() -> None:
    model = build(LLAMA)
    made = plan(model, WINDOWS, goal={"size": int(0.25 * file_bytes(model))}, methods=("trellis",))
    assert {each.action.kind for each in made.actions if each.name == "embedding.token"} == {"trellis"}
    apply_(model, made)
    assert file_bytes(model) <= 0.25 * file_bytes(build(LLAMA))
    assert model(WINDOWS).isfinite().all()


@pytest.mark.parametrize("config", [LLAMA, BERT])
def test_the_table_of_tokens_is_planned_for_again(config: Any) -> None:
    model = build(config)
    first = plan(model, WINDOWS, goal={"size": int(0.3 * file_bytes(model))}, methods=("int8", "low_rank"))
    apply_(model, first)
    assert {each.kind for each in token_table(model).values()} != {"dense"}
    second = plan(model, WINDOWS, goal={"size": file_bytes(model)}, methods=("low_rank",))
    assert next(each.layer for each in second.actions if each.name == "embedding.token") != "dense"
    apply_(model, second)
    assert model(WINDOWS).isfinite().all()


def test_a_planned_file_has_the_size_that_was_asked_and_is_read_as_it_was_planned(
    lm: eigenlm.LanguageModel, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="bytes at least") as refused:
        sized(lm, size=10_000)
    size = int(re.search(r"expected ([\d,]+) bytes", str(refused.value))[1].replace(",", "")) + 4000
    made = sized(lm, size=size)
    made.save(tmp_path / "plan.json")
    assert main(["apply", str(tmp_path / "plan.json"), "--to", "gguf", "--out", str(tmp_path / "m.gguf")]) == 0
    assert 0.98 * size < (tmp_path / "m.gguf").stat().st_size <= size
    small = eigenlm.apply(Plan.load(tmp_path / "plan.json"))
    small.save(tmp_path / "folder")
    tokens = torch.tensor([lm.tokenizer.encode(TEXT[0][:40])])
    want = small.model(tokens)
    assert torch.equal(eigenlm.load(tmp_path / "folder").model(tokens), want)
    # the same numbers; norms and biases are float32 in both
    torch.testing.assert_close(eigenlm.load(tmp_path / "m.gguf").model(tokens), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("goal", "figure"), [("max_loss", "loss"), ("max_kl", "divergence")])
def test_the_smallest_model_within_a_loss(goal: str, figure: str) -> None:
    model = build(LLAMA)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)  # so that it says something definite, which can be lost
    made = [plan(model, WINDOWS, methods=("low_rank", "int8"), goal={goal: limit}) for limit in (0.01, 0.1)]
    assert [getattr(each.chosen, figure).value <= limit for each, limit in zip(made, (0.01, 0.1))] == [True, True]
    assert made[1].chosen.num_bytes < made[0].chosen.num_bytes < file_bytes(model)
    assert made[1].forecast == made[1].chosen.loss
    assert made[1].divergence == made[1].chosen.divergence


def test_the_curve_tells_other_sizes_and_what_they_cost(lm: eigenlm.LanguageModel) -> None:
    made = sized(lm, keep=0.3, sizes=4)
    sizes = [point.num_bytes for point in made.curve]
    assert made.chosen in made.curve
    assert sizes == sorted(sizes)
    assert 3 <= len({*sizes}) <= 5
    foretold = [point.second_order for point in made.curve]
    assert foretold == sorted(foretold, reverse=True)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"keep": 0.5, "size": 100},
            "planning: expected one of keep, bits, size, time, max_loss, max_kl, got keep and size",
        ),
        ({"bits": 0}, "bits: expected a number of bits above 0, got 0"),
        ({"max_loss": -1.0}, "max_loss: expected nats per token above 0, got -1.0"),
        ({"siz": 5}, "goal: expected one of keep, bits, size, time, max_loss, max_kl, got 'siz'; did you mean 'size'?"),
        ({"size": 300}, r"size: expected [\d,]+ bytes at least, got 300; allow more"),
        ({"bits": 0.01}, r"bits: expected [\d.]+ bits at least, got 0.01; allow more"),
        ({"keep": 0.001}, r"keep: expected 0\.\d+ at least, got 0.001; allow more"),
    ],
)
def test_what_cannot_be_asked_is_told(asked: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", "[?]")):
        plan(build(LLAMA), WINDOWS, methods=("int8",), goal=asked)


def test_the_command_draws_the_curve(tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT[0])
    words = ["plan", str(tiny_model), "--text", str(text), "--tokens", "256", "--out", str(tmp_path / "p.json")]
    assert main([*words, "--max-loss", "0.05", "--sizes", "3"]) == 0
    out = capsys.readouterr().out
    assert out.count(" MB") >= 3
    assert out.count("◀") == 1
    assert main([*words, "--overwrite", "--keep", "0.5", "--size", "1MB"]) == 2
    assert "expected one of keep, bits, size" in capsys.readouterr().err
