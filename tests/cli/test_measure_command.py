"""`eigenlm measure`: two models on texts and prompts."""

import io
import json
import shutil
from pathlib import Path

import pytest

import eigenlm
from eigenlm.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def words(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command, with two models."""
    lm = eigenlm.load(tiny_model)
    lm.model.blocks[0].feed_forward.down.weight.data *= 0.9
    other = tmp_path_factory.mktemp("models") / "other"
    lm.save(other)
    return ["measure", str(tiny_model), str(other)]


def test_json_holds_what_python_gives(words: list[str], tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    second = tmp_path / "second.txt"
    second.write_text("Vectors are rows of numbers.\n" * 30)
    command = [*words, "--text", str(tiny_text), str(second), "--window", "32"]
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["texts"]) == [str(tiny_text), str(second)]
    for path in (tiny_text, second):
        want, found = eigenlm.measure(*words[1:], path, window=32), told["texts"][str(path)]
        assert found["kl"]["value"] == pytest.approx(want.kl.value)
        assert found["nll_increase"]["value"] == pytest.approx(want.nll_increase.value)
        assert found["agreement"]["value"] == pytest.approx(want.agreement.value)
    assert told["before"]["num_bytes"] == told["after"]["num_bytes"] == want.before.num_bytes
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert f"measured on {want.tokens:,} tokens of {second}".replace(" ", "") in "".join(out.split())
    assert f"{want.after.score.perplexity:.3f}" in out
    assert "note" not in err


def test_the_page_has_the_figures_of_json(words: list[str], tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "prompts.txt").write_text("The matrix\n\nA <b>vector</b>\n")
    options = ["--prompts", str(tmp_path / "prompts.txt"), "--html", str(tmp_path / "page.html"), "--json"]
    assert main([*words, "--text", str(tiny_text), *options]) == 0
    told, page = json.loads(capsys.readouterr().out), (tmp_path / "page.html").read_text()
    assert told["report"] == str(tmp_path / "page.html")
    (effect,) = told["texts"].values()
    assert f"{effect['kl']['value']:.4f} ({effect['kl']['low']:.4f} to {effect['kl']['high']:.4f})" in page
    assert f"{told['speeds']['timed']['decode']['after']['median']:,.1f}" in page
    assert [one["prompt"] for one in told["exchanges"]] == ["The matrix", "A <b>vector</b>"]
    assert "A &lt;b&gt;vector&lt;/b&gt;" in page
    assert "<script" not in page


def test_one_text_and_none_are_told_of(words: list[str], tiny_text: Path, monkeypatch, capsys: Capture) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(tiny_text.read_bytes())))
    assert main([*words, "--text", "-"]) == 0
    assert "a second text from elsewhere" in capsys.readouterr().err
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "no text was given" in err
    assert "the documentation inside Python" in " ".join(out.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--text", "TEXT", "none.txt"], "reading none.txt: expected a file or folder, got nothing there"),
        (["--text", "TEXT", "EMPTY"], "expected some text, got none"),
        (["--text", "SHORT"], "expected at least 2 tokens, got 1"),
        (["--text", "TEXT", "--prompts", "EMPTY"], "expected a prompt in each line, got none"),
        (["--text", "TEXT", "--html", "."], "expected a new or regular file, got a folder"),
        (["--text", "TEXT", "--html", "TEXT"], "expected a place that is not read from, got the input itself"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], tiny_text: Path, tmp_path: Path, capsys: Capture, options: list[str], said: str
) -> None:
    places = {"TEXT": tiny_text, "EMPTY": tmp_path / "empty.txt", "SHORT": tmp_path / "short.txt"}
    places["EMPTY"].write_text("\n")
    places["SHORT"].write_text("a")
    assert main([*words, *(str(places.get(option, option)) for option in options)]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_models_of_different_tokenizers_are_one_line(
    words: list[str], tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture
) -> None:
    other = shutil.copytree(tiny_model, tmp_path / "other")
    values = json.loads((other / "tokenizer.json").read_text())
    values["model"]["merges"].pop()
    (other / "tokenizer.json").write_text(json.dumps(values))
    assert main([*words[:2], str(other), "--text", str(tiny_text)]) == 2
    err = capsys.readouterr().err
    assert "two models with one tokenizer" in err
    assert err.count("\n") == 1


def test_a_model_that_is_not_there(tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["measure", str(tiny_model), str(tmp_path / "none"), "--text", str(tiny_text)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
