"""`eigenlm perplexity`: the loss of transformers on the same windows."""

import json
from pathlib import Path

import pytest
import torch
import transformers

from eigenlm.cli import main

Capture = pytest.CaptureFixture[str]


def test_loss_is_that_of_transformers(tiny_model: Path, tiny_text: Path, capsys: Capture) -> None:
    words = ["perplexity", str(tiny_model), "--text", str(tiny_text), "--window", "32", "--device", "cpu", "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    peer = transformers.AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model)
    ids = tokenizer(tiny_text.read_text(), add_special_tokens=False, return_tensors="pt").input_ids
    total = count = 0
    for window in ids.split(32, dim=1):
        scored = window.shape[1] - 1
        with torch.no_grad():
            total += peer(window, labels=window).loss.item() * scored if scored else 0
        count += scored
    assert told["tokens"] == count
    assert told["nll"] == pytest.approx(total / count, rel=1e-5)  # float32 sums in another order
    assert told["perplexity"] == pytest.approx(torch.tensor(told["nll"]).exp().item(), rel=1e-6)


@pytest.mark.parametrize(
    ("content", "options", "named"),
    [
        (None, [], "text.txt"),
        ("", [], "some text"),
        ("a", [], "2 tokens"),
        (b"\xff\xfe\xfd", [], "UTF-8"),
        ("long enough to score", ["--window", "4096"], "window"),
        ("long enough to score", ["--window", "8", "--stride", "9"], "stride"),
    ],
)
def test_text_or_window_that_does_not_serve(
    tiny_model: Path, tmp_path: Path, capsys: Capture, content: str | bytes | None, options: list[str], named: str
) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["perplexity", str(tiny_model), "--text", str(path), *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert named in err
    assert err.count("\n") == 1
