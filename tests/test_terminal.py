"""What a file says reaches a terminal or a page as signs that can be seen, never as commands to it."""

import gzip
import json
import os
import re
import shutil
import sys
from base64 import b64decode
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from eigenlm.cli import main
from eigenlm.terminal import say_piece

Capture = pytest.CaptureFixture[str]
EVIL = "a\x1b[31m\x9b2J\r\x07\u202egpj.weight"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    save_file({EVIL: torch.randn(12, 8, generator=generator)}, tmp_path / "evil.safetensors")
    return tmp_path / "evil.safetensors"


def test_names_of_tensors_are_shown(evil: Path, tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    page = tmp_path / "page.html"
    assert main(["info", str(evil)]) == 0
    assert main(["analyze", str(evil), "--every", "--html", str(page)]) == 0
    assert main(["analyze", str(evil), str(evil), "--every"]) == 0
    assert main(["generate", str(evil), "--prompt", "a"]) == 2
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"model_type": EVIL, "hidden_act": EVIL}))
    assert main(["info", str(model)]) == 0
    assert main(["generate", str(model), "--prompt", "a"]) == 2
    out, err = capsys.readouterr()
    assert not RAW.search(out + err)
    assert "\u241b[31m" in out

    html = page.read_text()
    assert not RAW.search(html)
    assert not re.search(r"\\u(00[01]|202|206)", html)
    packs = [gzip.decompress(b64decode(found)).decode() for found in re.findall(r">\s*(H4sI[\w+/=]+)\s*<", html)]
    assert sum("\u241b[31m" in json.loads(f"[{pack}]").__repr__() for pack in packs if pack.startswith("{")) == 1


def test_a_model_s_text_is_shown_to_a_terminal_and_kept_for_a_program(monkeypatch, capsys: Capture) -> None:
    say_piece("red \x1b[31m\n")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    say_piece("red \x1b[31m\n")
    assert capsys.readouterr().out == "red \x1b[31m\nred \u241b[31m\n"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "generation_config.json"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_in_a_model_s_folder_is_not_waited_for(tiny_model: Path, tmp_path: Path, name: str, kind: str) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (model / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(model / name)
    else:
        (model / name).symlink_to("/dev/zero")
    # A generation_config.json that is no file is as good as none.
    expected = 0 if name == "generation_config.json" else 2
    assert main(["generate", str(model), "--prompt", "a", "--max-tokens", "1"]) == expected


def test_a_pipe_of_text_or_a_plan_is_not_waited_for(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    for name in ("text.txt", "model.gguf", "plan.json", "recipe.py"):
        os.mkfifo(tmp_path / name)
    for words in (
        ["perplexity", str(tiny_model), "--text", str(tmp_path / "text.txt")],
        ["info", str(tmp_path / "model.gguf")],
        ["apply", str(tmp_path / "plan.json"), "--out", str(tmp_path / "out")],
        ["train", str(tmp_path / "recipe.py"), "--out", str(tmp_path / "out")],
    ):
        assert main(words) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_deep_json_is_told_wherever_it_stands(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    deep = '{"a":' * 100_000
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (tmp_path / "text.jsonl").write_text(deep)
    (tmp_path / "plan.json").write_text(deep)
    capsys.readouterr()
    for words in (
        ["perplexity", str(model), "--text", str(tmp_path / "text.jsonl")],
        ["apply", str(tmp_path / "plan.json"), "--out", str(tmp_path / "out")],
    ):
        assert main(words) == 2
        assert "too deep" in capsys.readouterr().err
    for name in ("config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json"):
        before = (model / name).read_text() if (model / name).exists() else None
        (model / name).write_text(deep)
        assert main(["generate", str(model), "--prompt", "a", "--max-tokens", "1"]) == 2, name
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "Traceback" not in err
        (model / name).unlink() if before is None else (model / name).write_text(before)
