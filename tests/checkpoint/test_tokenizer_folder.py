"""Chat templates beside a model, one or several: as transformers finds them, and written back in every format."""

import json
import shutil

import pytest
import transformers

import eigenlm
from eigenlm.checkpoint import open_model, write_folder, write_gguf, write_hugging_face
from eigenlm.checkpoint.tokenizer_folder import read_chat_template
from eigenlm.errors import CheckpointError
from eigenlm.text import ChatTemplate

NAMED = {"default": "{{ messages[0].content }}", "tool_use": "{{ tools[0].name }}{{ extra }}"}


@pytest.fixture
def folder(tmp_path, tiny_model):
    shutil.copytree(tiny_model, tmp_path / "theirs")
    theirs = transformers.AutoTokenizer.from_pretrained(tiny_model)
    theirs.chat_template = NAMED
    theirs.save_pretrained(tmp_path / "theirs")
    return tmp_path / "theirs"


def test_named_templates_are_read_and_written_back(folder, tmp_path):
    lm = eigenlm.load(folder, device="cpu")
    assert lm.chat_template.source == transformers.AutoTokenizer.from_pretrained(folder).chat_template == NAMED
    write_hugging_face(tmp_path / "hf", lm.model, tokenizer=lm.tokenizer, chat_template=NAMED)
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "hf").chat_template == NAMED
    lm.save(tmp_path / "ours")
    write_gguf(tmp_path / "m.gguf", lm.model, chat_template=NAMED)
    assert [open_model(tmp_path / name).chat_template for name in ("hf", "ours", "m.gguf")] == [NAMED] * 3
    with pytest.raises(CheckpointError, match="the name of a chat template: expected letters and digits"):
        write_folder(tmp_path / "other", lm.model, chat_template=NAMED | {"../x": ""})


def test_templates_listed_in_the_config_count_where_there_are_no_files(folder):
    listed = [{"name": name, "template": text} for name, text in NAMED.items()]
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "chat_template": listed}))
    (folder / "chat_template.jinja").write_text("file")
    assert read_chat_template(folder) == {"default": "file", "tool_use": NAMED["tool_use"]}
    (folder / "additional_chat_templates" / "tool_use.jinja").unlink()
    assert read_chat_template(folder) == "file"
    (folder / "chat_template.jinja").unlink()
    assert read_chat_template(folder) == NAMED


def test_tools_and_variables_reach_the_template(folder, monkeypatch):
    lm, seen = eigenlm.load(folder, device="cpu"), []
    monkeypatch.setattr(ChatTemplate, "encode", lambda *_, **options: seen.append(options) or [1])
    lm.chat("hello", max_tokens=1, tools=[{"name": "f"}], variables={"extra": True})
    assert seen == [{"tools": [{"name": "f"}], "extra": True}]
