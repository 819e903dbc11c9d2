"""eigenlm folders: everything comes back, and output appears whole or not at all."""

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from eigenlm.checkpoint import open_tensors, read_model, write_folder, write_gguf, write_hugging_face
from eigenlm.errors import CheckpointError, ConfigError, DataError
from eigenlm.model import (
    DenseFeedForward,
    EmbeddingConfig,
    InterpolativeLinear,
    LowRankLinear,
    NormConfig,
    PositionConfig,
    RotaryConfig,
    SoftmaxConfig,
    Transformer,
    TransformerConfig,
    VocabularyHead,
)

CONFIG = TransformerConfig.uniform(
    vocab_size=50,
    context_length=16,
    d_model=8,
    num_layers=2,
    attention=SoftmaxConfig(num_heads=2, num_kv_heads=1, head_dim=4),
    feed_forward=DenseFeedForward(d_ff=16, activation="silu", gated=True),
    rotary=RotaryConfig(base=500.0, frequency_factors=(1.0, 4.0)),
    dropout=0.1,
)
TRANSLATOR = TransformerConfig.uniform(
    kind="encoder_decoder",
    vocab_size=50,
    context_length=16,
    d_model=8,
    num_layers=1,
    num_encoder_layers=2,
    attention=SoftmaxConfig(num_heads=2, num_kv_heads=2, head_dim=4, bias=True),
    feed_forward=DenseFeedForward(d_ff=16, activation="relu"),
    positions=PositionConfig(kind="sinusoidal"),
    embedding=EmbeddingConfig(scale=2.5),
    head=VocabularyHead(tied=False, bias=True),
)


def model_of(config: TransformerConfig = CONFIG) -> Transformer:
    torch.manual_seed(0)
    return Transformer(config).eval()


@pytest.mark.parametrize("config", [CONFIG, TRANSLATOR], ids=["decoder", "encoder-decoder"])
def test_config_and_tensors_come_back(config, tmp_path):
    model = model_of(config)
    write_folder(tmp_path / "m", model)
    again = read_model(tmp_path / "m")
    assert again.config == config
    assert (again.family, again.tokenizer, again.chat_template) == ("eigenlm", None, None)
    assert list(again.model.state_dict()) == list(model.state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name
    assert sum(again.storage.values()) == sum(parameter.nbytes for parameter in model.parameters())


@pytest.mark.parametrize("kind", [LowRankLinear, InterpolativeLinear])
def test_low_rank_layers_come_back_as_such(tmp_path, kind):
    model = model_of()
    model.blocks[0].attention.query = kind.from_factors(torch.randn(8, 3), torch.randn(3, 8))
    model.blocks[1].feed_forward.up = kind.from_factors(torch.randn(16, 5), torch.randn(5, 8), torch.randn(16))
    write_folder(tmp_path / "m", model)
    again = read_model(tmp_path / "m").model
    assert type(again.blocks[1].feed_forward.up) is kind
    assert again.blocks[1].feed_forward.up.rank == 5
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        assert torch.equal(model(ids), again(ids))
    assert "blocks.0.attention.query.A" in open_tensors(tmp_path / "m")


def test_places_that_are_no_permutation_are_refused(tmp_path):
    model = model_of()
    model.blocks[0].attention.query = InterpolativeLinear.from_factors(torch.randn(8, 3), torch.randn(3, 8))
    model.blocks[0].attention.query.place[0] = model.blocks[0].attention.query.place[1]
    write_folder(tmp_path / "m", model)
    with pytest.raises(CheckpointError, match=r"blocks\.0\.attention\.query\.place: expected each of 0 to 7 once"):
        read_model(tmp_path / "m")


def test_tokenizer_and_template_come_back(tmp_path, tiny_model):
    ours = read_model(tiny_model)
    write_folder(tmp_path / "m", ours.model, tokenizer=ours.tokenizer, chat_template=ours.chat_template)
    again = read_model(tmp_path / "m")
    assert again.tokenizer.fingerprint == ours.tokenizer.fingerprint
    assert again.tokenizer.roles == ours.tokenizer.roles
    assert again.chat_template == ours.chat_template


def test_bfloat16_is_kept_in_the_file(tmp_path):
    write_folder(tmp_path / "m", model_of().bfloat16())
    assert list(read_model(tmp_path / "m").storage) == ["BF16"]


@pytest.mark.parametrize("kind", ["folder", "hugging_face"])
def test_every_file_may_be_read_by_whom_the_user_lets(kind, tmp_path):
    WRITERS[kind](tmp_path / "m")
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "m").iterdir()}
    (tmp_path / "plain").touch()
    assert modes == {(tmp_path / "plain").stat().st_mode & 0o777}


def test_a_tensor_shared_by_two_layers_is_written_for_both(tmp_path):
    model = model_of()
    model.blocks[1].attention.query.weight = model.blocks[0].attention.query.weight
    write_folder(tmp_path / "m", model)
    tensors = open_tensors(tmp_path / "m")
    assert torch.equal(tensors["blocks.0.attention.query.weight"], tensors["blocks.1.attention.query.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("norm.weight"), "tensors norm.weight, got none"),
        (lambda t: t.update(extra=torch.zeros(1)), "only the model's tensors, got extra"),
        (lambda t: t.update({"norm.weight": torch.zeros(9)}), r"tensor norm.weight: expected sizes \(8,\), got \(9,\)"),
        (lambda t: t.update({"norm.A": torch.zeros(2, 8)}), "only the model's tensors, got norm.A"),
        (lambda t: t["norm.weight"].fill_(torch.inf), "norm.weight: expected finite numbers, got 8"),
    ],
)
def test_tensors_that_do_not_fit_are_named(change, message, tmp_path):
    write_folder(tmp_path / "m", model_of())
    tensors = load_file(tmp_path / "m" / "model.safetensors")
    change(tensors)
    save_file(tensors, tmp_path / "m" / "model.safetensors")
    with pytest.raises(CheckpointError, match=message):
        read_model(tmp_path / "m")


def _as_version_1(folder):
    values = json.loads((folder / "config.json").read_text())
    layer, old = values["model"]["pattern"][0], values["model"]
    rotary = layer["attention"]["rotary"]
    sizes = ("num_heads", "num_kv_heads", "head_dim", "bias", "output_bias")
    old |= {
        "attention": {name: layer["attention"][name] for name in sizes} | {"query_key_norm": False, "window": None},
        "feed_forward": {"d_ff": layer["feed_forward"]["d_ff"], "activation": "swiglu", "bias": True},
        "norm": {"kind": "layer", "eps": layer["norm"]["eps"]},
        "norm_position": "pre",
        "positions": {
            "kind": "rotary",
            "base": rotary["base"],
            "frequency_factors": rotary["frequency_factors"],
        },
        "embedding": {"scaled": False, "num_token_types": 0, "norm": False},
        "head": {"tied": True, "bias": False, "transform": False},
    }
    for name in ("pattern", "encoder_pattern"):
        del old[name]
    (folder / "config.json").write_text(json.dumps({"format": "eigenlm", "version": 1, "model": old}))


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        ({"norm.A": torch.zeros(2, 8)}, "linear layers, got 'norm'"),
        ({"blocks.0.attention.query.A": torch.zeros(2)}, "two sizes"),
    ],
)
def test_factors_of_version_1_that_do_not_fit_are_named(tensor, message, tmp_path):
    write_folder(tmp_path / "m", model_of())
    _as_version_1(tmp_path / "m")
    save_file(load_file(tmp_path / "m" / "model.safetensors") | tensor, tmp_path / "m" / "model.safetensors")
    with pytest.raises(CheckpointError, match=message):
        read_model(tmp_path / "m")


@pytest.mark.parametrize("kind", [LowRankLinear, InterpolativeLinear])
def test_a_folder_of_version_1_still_opens(tmp_path, kind):
    model = model_of()
    model.blocks[0].attention.query = kind.from_factors(torch.randn(8, 3), torch.randn(3, 8))
    write_folder(tmp_path / "m", model)
    _as_version_1(tmp_path / "m")
    again = read_model(tmp_path / "m").model
    assert type(again.blocks[0].attention.query) is kind
    assert torch.equal(model(torch.tensor([[1, 2, 3]])), again(torch.tensor([[1, 2, 3]])))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "low_rnk"}, r"query: expected a kind of .*, got 'low_rnk'; did you mean 'low_rank'\?"),
        ({"in_features": 9}, "query: expected 8 x 8 without bias, got 8 x 9 without bias"),
        ({"bias": True}, "got 8 x 8 with bias"),
        ({"rank": 2}, r"query\.A: expected sizes \(2, 8\), got \(3, 8\)"),
        ({"rank": 1.5}, "rank: expected a whole number, got 1.5"),
        ({"rank": -1}, "rank: expected a whole number, got -1"),
        ({"rang": 3}, "a spec of kind low_rank with bias, in_features, out_features, rank"),
    ],
)
def test_a_spec_that_lies_is_refused_in_one_line(spec, message, tmp_path):
    model = model_of()
    model.blocks[0].attention.query = LowRankLinear.from_factors(torch.randn(8, 3), torch.randn(3, 8))
    write_folder(tmp_path / "m", model)
    values = json.loads((tmp_path / "m" / "config.json").read_text())
    values["linears"]["blocks.0.attention.query"] |= spec
    (tmp_path / "m" / "config.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=message) as caught:
        read_model(tmp_path / "m")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda c: c.update(version=3), CheckpointError, "version 2, got version 3; update eigenlm"),
        (lambda c: c["model"].update(num_layer=3), ConfigError, "'num_layer'; did you mean 'num_layers'"),
        (lambda c: c["model"].pop("d_model"), ConfigError, "'d_model'"),
        (lambda c: c["model"].update(num_layers=10**9), CheckpointError, "1000000000 blocks"),
        (lambda c: c["model"].update(d_model=2**62), CheckpointError, "sizes of tensors|expected sizes"),
        (lambda c: c.pop("model"), ConfigError, "'vocab_size'"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(change, error, message, tmp_path):
    write_folder(tmp_path / "m", model_of())
    values = json.loads((tmp_path / "m" / "config.json").read_text())
    change(values)
    (tmp_path / "m" / "config.json").write_text(json.dumps(values))
    with pytest.raises(error, match=message) as caught:
        read_model(tmp_path / "m")
    assert "\n" not in str(caught.value)


LLAMA = TransformerConfig.uniform(
    vocab_size=512,
    context_length=16,
    d_model=64,
    num_layers=1,
    attention=SoftmaxConfig(num_heads=2, num_kv_heads=2, head_dim=32),
    feed_forward=DenseFeedForward(d_ff=64, activation="silu", gated=True, bias=False),
    norm=NormConfig(kind="rms"),
    rotary=RotaryConfig(),
)
WRITERS = {
    "folder": lambda path: write_folder(path, model_of(LLAMA)),
    "hugging_face": lambda path: write_hugging_face(path, model_of(LLAMA)),
    "gguf": lambda path: write_gguf(path, model_of(LLAMA), storage="F32"),
}


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of 64 kB where the tests may mount one, else a folder whose every sync says that the disk is full."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if shutil.which("mount") and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        yield place
        subprocess.run(["umount", str(place)], check=True)
        return

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("eigenlm.files._sync", full)
    yield place


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_leaves_nothing_behind(kind, small_disk):
    with pytest.raises(DataError, match=r"[Nn]o space left|writable place") as caught:
        WRITERS[kind](small_disk / "m")
    assert "\n" not in str(caught.value)
    assert list(small_disk.iterdir()) == []


def test_a_limit_on_the_size_of_files_leaves_nothing_behind(tmp_path):
    program = (
        "import resource, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; import pytest; from test_folder import WRITERS, DataError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "for write in WRITERS.values():\n"
        "    with pytest.raises(DataError): write(Path(sys.argv[2]) / 'm')"
    )
    subprocess.run([sys.executable, "-c", program, str(Path(__file__).parent), str(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "hugging_face"])
def test_a_folder_in_use_is_not_touched(kind, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "precious").write_text("text")
    with pytest.raises(DataError, match="new or empty folder"):
        WRITERS[kind](tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["precious"]
