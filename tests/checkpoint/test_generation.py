"""What a folder says of how answers end, as transformers reads it."""

import json

import pytest
import tiny_transformers
import tokenizers
import transformers
from tokenizers import models

from eigenlm.checkpoint import Generation, open_model, read_model, write_folder, write_gguf, write_hugging_face
from eigenlm.errors import ConfigError
from eigenlm.text.tokenizer import Tokenizer


@pytest.fixture
def folder(tmp_path):
    tiny_transformers.tiny("llama").save_pretrained(tmp_path / "theirs")
    return tmp_path / "theirs"


def says(folder, name, ends):
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": ends}))


@pytest.mark.parametrize(
    ("config", "special", "ends"),
    [
        (2, [7, 3], (2, 7, 3)),
        ([4, 2], None, (4, 2)),
        (None, 5, (5,)),
        (2, [2], (2,)),
        (-1, None, ()),
    ],
)
def test_end_tokens_are_those_of_both_files(folder, config, special, ends):
    says(folder, "config.json", config)
    says(folder, "generation_config.json", special)
    assert open_model(folder).generation.ends == ends


def test_an_end_that_is_no_token(folder):
    says(folder, "generation_config.json", ["</s>"])
    with pytest.raises(ConfigError, match="ends"):
        open_model(folder)


def test_every_end_token_is_written(folder, tmp_path):
    says(folder, "config.json", 2)
    says(folder, "generation_config.json", [7, 3])
    read = read_model(folder)
    library = tokenizers.Tokenizer(models.BPE({letter: i for i, letter in enumerate("abcdefgh")}, []))
    library.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = Tokenizer(library, {"eos_token": "d"})
    parts = {"tokenizer": tokenizer, "generation": read.generation}
    write_hugging_face(tmp_path / "hf", read.model, **parts)
    assert transformers.GenerationConfig.from_pretrained(tmp_path / "hf").eos_token_id == [2, 3, 7]
    write_folder(tmp_path / "ours", read.model, **parts)
    assert open_model(tmp_path / "ours").generation == read.generation
    write_gguf(tmp_path / "m.gguf", read.model, **parts)
    again = open_model(tmp_path / "m.gguf")
    assert {*again.generation.ends, again.read_tokenizer().eos} == {2, 3, 7}
    with pytest.raises(ConfigError, match="at most three end tokens"):
        write_gguf(tmp_path / "n.gguf", read.model, tokenizer=tokenizer, generation=Generation(ends=(1, 2, 4)))
