"""GGUF files of a size: within it, of the types that were chosen, and nearer to the model the larger they are."""

import re
from pathlib import Path

import gguf
import pytest
import torch

import eigenlm
from eigenlm.cli import main
from eigenlm.compression.methods.blocks import TYPES
from eigenlm.errors import ConfigError
from eigenlm.text.windows import windows_across

TEXT = ["the cat sat on the mat and the dog ran to the cat " * 40]


@pytest.fixture(scope="module")
def lm(tiny_model: Path) -> eigenlm.LanguageModel:
    return eigenlm.load(tiny_model)


@pytest.fixture(scope="module")
def least(lm: eigenlm.LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The size of the smallest file, as the refusal of a smaller one tells it."""
    with pytest.raises(ConfigError, match="bytes at least") as refused:
        eigenlm.quantize(lm, tmp_path_factory.mktemp("none") / "m.gguf", size=10_000, calibration=TEXT, tokens=256)
    return int(re.search(r"expected ([\d,]+) bytes at least", str(refused.value))[1].replace(",", ""))


def divergence(lm: eigenlm.LanguageModel, path: Path) -> float:
    windows = windows_across(TEXT, lm.tokenizer, 32, 8)
    with torch.no_grad():
        before, after = (each(windows).log_softmax(-1) for each in (lm.model, eigenlm.load(path).model))
    return float((before.exp() * (before - after)).sum(-1).mean())


def test_larger_files_are_nearer_and_none_is_larger_than_asked(
    lm: eigenlm.LanguageModel, least: int, tmp_path: Path
) -> None:
    divergences = []
    for more in (1.0, 1.2, 1.5):
        path, size = tmp_path / f"{more}.gguf", int(more * least) + 10_000
        eigenlm.quantize(lm, path, size=size, calibration=TEXT, tokens=256)
        assert path.stat().st_size <= size
        kinds = {t.name: t.tensor_type.name for t in gguf.GGUFReader(path).tensors if len(t.shape) > 1}
        assert {*kinds.values()} <= {*TYPES}
        divergences.append(divergence(lm, path))
    assert divergences == sorted(divergences, reverse=True)
    assert divergences[-1] < divergences[0] / 2


def test_a_file_that_cannot_be_so_small_is_not_written(lm: eigenlm.LanguageModel, least: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"size of a GGUF file: expected .* bytes at least, got .*larger file$"):
        eigenlm.quantize(lm, tmp_path / "m.gguf", size=least // 2, calibration=TEXT, tokens=256)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "many"], "size: expected a number of bytes such as 72MB or 1.5GiB, got 'many'"),
        (["--size", "0"], "size: expected a number of bytes"),
        (["--size", "1MB", "--like-llama-cpp"], "quantize: expected a way to round"),
    ],
)
def test_what_is_no_size_is_told(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["quantize", str(tiny_model), "--out", str(tmp_path / "m.gguf"), *words]) == 2
    assert said in capsys.readouterr().err
