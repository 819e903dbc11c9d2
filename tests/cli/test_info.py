"""`eigenlm info`: what a file says of itself, and each way a file can be wrong."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from eigenlm.cli import main


def test_json_counts_every_parameter(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(tiny_model), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    numbers = sum(tensor.numel() for tensor in load_file(tiny_model / "model.safetensors").values())
    assert told["num_params"] == numbers == sum(part["num_params"] for part in told["parts"])
    assert told["num_bytes"] == 4 * numbers
    assert told["config"]["num_layers"] == 2
    assert told["chat_template"] is True


def test_table_shows_the_same_numbers(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["info", str(tiny_model), "--json"])
    numbers = json.loads(capsys.readouterr().out)["num_params"]
    assert main(["info", str(tiny_model)]) == 0
    assert f"{numbers:,}" in capsys.readouterr().out
