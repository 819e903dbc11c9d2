"""Metadata of a type or size that nobody thought of: a model all the same, or one line of ours."""

import dataclasses
import functools
import json
import shutil

import pytest

from eigenlm.checkpoint import gguf_reader, open_model, read_model, write_gguf
from eigenlm.errors import EigenError

ODD = ["x", -1, 2**64 - 1, float("nan"), ["x"], {}]


def tried(read) -> str:
    """The error's line, empty where there is none; any other error passes."""
    try:
        read()
    except EigenError as error:
        return str(error)
    return ""


def changed(read_header, changes, data, name):
    """The header of a file with some of its metadata replaced."""
    header = read_header(data, name)
    return dataclasses.replace(header, metadata=header.metadata | changes)


def test_every_key_of_a_gguf_file(tiny_model, tmp_path, monkeypatch):
    model = read_model(tiny_model)
    write_gguf(tmp_path / "m.gguf", model.model, tokenizer=model.tokenizer, storage="F32")
    whole = gguf_reader.read_header
    told = []
    for key in gguf_reader.GGUFFile(tmp_path / "m.gguf").metadata:
        for value in ODD:
            monkeypatch.setattr(gguf_reader, "read_header", functools.partial(changed, whole, {key: value}))
            told.append(tried(lambda: open_model(tmp_path / "m.gguf").read_tokenizer()))
    assert "\n" not in "".join(told)
    assert sum(map(bool, told)) > len(told) / 2


def test_every_field_of_a_config(tiny_model, tmp_path):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    values = json.loads((model / "config.json").read_text())
    told = []
    for key in values:
        for value in (*ODD, 10**400):
            (model / "config.json").write_text(json.dumps(values | {key: value}))
            told.append(tried(lambda: open_model(model)))
    assert "\n" not in "".join(told)
    assert sum(map(bool, told)) > len(told) / 2


@pytest.mark.parametrize("digits", [400, 5000])
def test_numbers_of_many_digits(tiny_model, tmp_path, digits):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    text = (model / "config.json").read_text().replace('"rms_norm_eps": 1e-05', f'"rms_norm_eps": 1{"0" * digits}')
    (model / "config.json").write_text(text)
    with pytest.raises(EigenError):
        open_model(model)
