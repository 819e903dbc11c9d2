"""`eigenlm info`: what a file says of itself, and each way a file can be wrong."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from eigenlm.attention import SlidingWindowConfig, SoftmaxConfig
from eigenlm.checkpoint import write_folder
from eigenlm.cli import main
from eigenlm.model import DenseFeedForward, LayerConfig, Transformer, TransformerConfig


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


def test_a_pattern_of_many_layers_is_one_line_for_each_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heads = {"num_heads": 2, "num_kv_heads": 1, "head_dim": 4}
    attentions = [SoftmaxConfig(**heads) if i % 3 == 0 else SlidingWindowConfig(**heads, window=5) for i in range(16)]
    pattern = [LayerConfig(attention=one, feed_forward=DenseFeedForward(d_ff=9)) for one in attentions]
    # Its first layer is another, as ModernBERT's is, so that no shorter pattern gives them all.
    pattern[0] = LayerConfig(attention=attentions[0], feed_forward=pattern[0].feed_forward, attention_norm=False)
    config = TransformerConfig(vocab_size=11, context_length=8, d_model=8, num_layers=16, pattern=tuple(pattern))
    write_folder(tmp_path / "model", Transformer(config))
    assert main(["info", str(tmp_path / "model")]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("blocks")]
    assert [line.split(":")[0] for line in lines] == ["blocks 0, 3, ..., 15 (6)", "blocks 1-2, 4-5, ..., 13-14 (10)"]
    assert ["window 5" in line for line in lines] == [False, True]
