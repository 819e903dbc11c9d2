"""Of several files that could be the model, the one that transformers reads; what was passed over is told."""

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from eigenlm.checkpoint import read_model
from eigenlm.errors import CheckpointError

INDEX = "model.safetensors.index.json"


@pytest.fixture
def sharded(tiny_model, tmp_path):
    """The tiny model in shards, under an index."""
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    model.save_pretrained(tmp_path / "model", max_shard_size="20KB")
    assert (tmp_path / "model" / INDEX).is_file()
    return tmp_path / "model"


def test_a_newer_single_file_comes_before_an_older_index(tiny_model, sharded, capsys):
    newer = {name: 1.5 * tensor for name, tensor in load_file(tiny_model / "model.safetensors").items()}
    save_file(newer, sharded / "model.safetensors", metadata={"format": "pt"})
    ids = torch.arange(5, 17)[None]
    with torch.no_grad():
        theirs = transformers.AutoModelForCausalLM.from_pretrained(sharded).eval()(ids).logits
        torch.testing.assert_close(read_model(sharded).model(ids), theirs, atol=1e-4, rtol=1e-4)
    read_model(sharded)
    err = capsys.readouterr().err
    assert err.count(f"holds model.safetensors and {INDEX}; the first is read") == 1
    with pytest.raises(CheckpointError, match="another file beside it"):
        read_model(next(sharded.glob("model-*.safetensors")))


def test_of_several_unnamed_files_none_is_taken(sharded):
    (sharded / INDEX).unlink()
    with pytest.raises(CheckpointError, match=r"expected model\.safetensors or .*, got model-00001"):
        read_model(sharded)
