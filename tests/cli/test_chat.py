"""`eigenlm chat`: a conversation over standard input."""

import io
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
