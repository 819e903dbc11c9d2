"""The conversation behind `eigenlm chat`: what the model reads, what is kept, and what files hold."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

import eigenlm
from eigenlm.cli.chat.answer_text import AnswerText
from eigenlm.cli.chat.conversation import Conversation, Exchange
from eigenlm.cli.chat.said import Said, next_said
from eigenlm.cli.chat.saved import load, save, saved_names
from eigenlm.errors import ConfigError, DataError, ShapeError


@pytest.fixture(scope="module")
def lm(tiny_model: Path) -> eigenlm.LanguageModel:
    return eigenlm.load(tiny_model, device="cpu")


@pytest.fixture
def conversation(lm: eigenlm.LanguageModel, monkeypatch, tmp_path: Path) -> Conversation:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    talk = Conversation(AnswerText(), system="Be brief.")
    talk.lm = lm
    talk.set_options({"max_tokens": 8})
    return talk


def messages(conversation: Conversation, question: str) -> list[dict[str, str]]:
    said = [("system", conversation.system)]
    for exchange in conversation.exchanges:
        said += [("user", exchange.question), ("assistant", exchange.answer)]
    return [{"role": role, "content": content} for role, content in [*said, ("user", question)]]


def test_after_a_stopped_answer_the_next_is_that_of_a_new_session(conversation, tiny_model, monkeypatch) -> None:
    pushed = []

    def stop(_: AnswerText, piece: str) -> None:
        pushed.append(piece)
        if len(pushed) == 3:
            raise KeyboardInterrupt

    conversation.set_options({"max_tokens": 30})
    with monkeypatch.context() as patched:
        patched.setattr(AnswerText, "push", stop)
        with pytest.raises(KeyboardInterrupt):
            conversation.ask("one")
    assert conversation.exchanges == [Exchange("one", "".join(pushed), cut=True)]
    new = eigenlm.load(tiny_model, device="cpu").chat(messages(conversation, "two"), max_tokens=30)
    conversation.ask("two")
    assert conversation.exchanges[1].answer == new


def text_and_cut(pieces: Generator[str, None, bool]) -> tuple[str, bool]:
    cut: list[bool] = []

    def told() -> Generator[str, None, None]:
        cut.append((yield from pieces))

    return "".join(told()), cut[0]


def test_it_is_known_whether_an_answer_was_cut(lm) -> None:
    text, cut = text_and_cut(lm.stream("The matrix", max_tokens=8))
    assert cut
    before, cut = text_and_cut(lm.stream("The matrix", max_tokens=40, stop=[text[-1]]))
    assert (before, cut) == (text[: text.index(text[-1])], False)


def test_the_oldest_are_left_out_and_it_is_said(conversation, lm, capsys, monkeypatch) -> None:
    read = []
    stream = lm.stream_chat
    monkeypatch.setattr(lm, "stream_chat", lambda said, **options: read.append(said) or stream(said, **options))
    for count in range(6):
        conversation.ask(f"question {count}")
    err = capsys.readouterr().err
    assert 0 < err.count("no longer read") < 6
    assert all(len(lm.chat_template.encode(said, lm.tokenizer)) + 8 <= lm.config.context_length for said in read)
    assert all(said[0]["content"] == "Be brief." for said in read)
    assert read[-1][1]["content"] > read[0][1]["content"] == "question 0"
    assert len(conversation.exchanges) == 6


def test_what_fails_leaves_everything(conversation) -> None:
    conversation.ask("one")
    before = (list(conversation.exchanges), conversation.options)
    with pytest.raises(ShapeError, match="fewer than 128 tokens"):
        conversation.ask("word " * 900)
    with pytest.raises(ConfigError, match="did you mean 'temperature'"):
        conversation.set_options({"top_k": 4, "temprature": 1})
    conversation.lm = None
    with pytest.raises(AttributeError):
        conversation.ask_again()
    assert (conversation.exchanges, conversation.options) == before


def test_a_saved_conversation_comes_back(conversation, lm, tmp_path: Path) -> None:
    conversation.exchanges = [Exchange("sch\u00f6n?", "ja", cut=True), Exchange("two", "")]
    assert "Wrote" in save(conversation, "first")
    with pytest.raises(DataError, match="/save first --overwrite"):
        save(conversation, "first")
    assert "Replaced" in save(conversation, "first --overwrite")
    save(conversation, str(tmp_path / "elsewhere.json"))
    assert saved_names() == ["first"]
    for name in ("first", str(tmp_path / "elsewhere.json")):
        other = Conversation(AnswerText())
        other.lm = lm
        assert "Read 2 questions" in load(other, name)
        assert (other.system, other.exchanges, other.options) == (
            conversation.system,
            conversation.exchanges,
            conversation.options,
        )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told["messages"].pop(),
        lambda told: told.pop("model"),
        lambda told: told["options"].update(temperature=-1),
        lambda told: told["options"].update(temperature="hot"),
        lambda told: told["messages"][1].update(content=3),
        lambda told: told.update(format="other", messages=0),
    ],
)
def test_a_damaged_file_is_one_line_and_changes_nothing(conversation, tmp_path: Path, spoil) -> None:
    conversation.exchanges = [Exchange("one", "1")]
    save(conversation, "kept")
    path = tmp_path / "eigenlm" / "chats" / "kept.json"
    told = json.loads(path.read_text())
    spoil(told)
    path.write_text(json.dumps(told))
    before = (conversation.system, list(conversation.exchanges), conversation.options)
    with pytest.raises(DataError, match="expected a conversation that /save wrote") as refused:
        load(conversation, "kept")
    assert "\n" not in str(refused.value)
    assert (conversation.system, conversation.exchanges, conversation.options) == before


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["hello "], Said("", "hello")),
        (["/SET top_k 3"], Said("/set", "top_k 3")),
        (["/usr/lib is a folder"], Said("", "/usr/lib is a folder")),
        (['"""/bye"""'], Said("", "/bye")),
        (['"""', "one", "", "two", '"""'], Said("", "one\n\ntwo")),
        (['/system """be', 'brief"""'], Said("/system", "be\nbrief")),
        (['/set system """be', 'brief"""'], Said("/set", "system be\nbrief")),
        (["/one\n/two"], Said("", "/one\n/two")),
        (['"""Doc."""\nimport os'], Said("", '"""Doc."""\nimport os')),
        (['"""one\ntwo"""'], Said("", "one\ntwo")),
        (['what is """ in Python?'], Said("", 'what is """ in Python?')),
        (['"""never closed', "end"], Said("", "never closed\nend")),
    ],
)
def test_messages_and_commands(lines: list[str], said: Said) -> None:
    left = iter(lines)

    def line(_: str) -> str:
        for text in left:
            return text
        raise EOFError

    assert next_said(line) == said
