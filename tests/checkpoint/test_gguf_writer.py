"""GGUF files written, against transformers' and llama.cpp's readers, and read back."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import gguf_bytes as g
import numpy as np
import pytest
import tiny_decoders
import tiny_encoders
import tiny_transformers
import torch
import transformers
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize, quantize

from eigenlm.attention import RotaryConfig
from eigenlm.checkpoint import (
    Checkpoint,
    Generation,
    gguf_size,
    misread_by_llama_cpp,
    open_model,
    open_tensors,
    read_model,
    write_gguf,
)
from eigenlm.checkpoint.families import differences
from eigenlm.errors import CheckpointError, ConfigError, DataError, EigenError
from eigenlm.model import LayerConfig, LowRankLinear, Transformer

STORAGES = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1")
NOT_HELD = {"llama-headless", "gpt2-headless", "gpt2-relu", "bert-gelu-new", "bert-mlm", "bert-mlm-untied"} | {
    "llama-yarn",
    "qwen2-mixed-windows",
    "gpt2-scales",
    "gpt2-no-scale",
    "bert-mlm-relu",
    *(tiny_encoders.MODELS.keys() - {"distilbert", "electra-wide"}),
    "gemma-untied",
    "gemma-biased",
    "gemma-headless",
    "gemma2-scalar",
    "gemma2-no-caps",
    "gemma3-untied-scalar",
    "gemma2-headless",
    "olmo2-wide-biased-tied",
    "olmo3-yarn",
    "granite-headless",
    "smollm3-windows",
    "ministral",
    "t5-headless",
    "t5-v1.1",
    "t5-tied-without-scale",
    "bart",
    "bart-headless",
    "mbart",
    "marian",
    "marian-headless",
    "pegasus",
}
NOT_HELD |= tiny_decoders.NOT_IN_GGUF
HELD = [name for name in tiny_transformers.MODELS if name not in NOT_HELD]
ARCHITECTURES = {
    "mistral": "llama",
    "mixtral": "llama",
    "qwen3_moe": "qwen3moe",
    "gpt_neox": "gptneox",
    "distilbert": "bert",
    "electra": "bert",
    "gemma3_text": "gemma3",
    "olmo3": "olmo2",
    "ministral": "llama",
    "seed_oss": "llama",
    "phi": "phi2",
    "gpt_oss": "gpt-oss",
}


def original(name: str, folder: Path) -> Checkpoint:
    tiny_transformers.tiny(name).save_pretrained(folder / "theirs")
    return read_model(folder / "theirs")


@pytest.mark.parametrize("name", HELD)
def test_float32_round_trip_is_exact(name, tmp_path):
    ours = original(name, tmp_path)
    architecture = write_gguf(tmp_path / "m.gguf", ours.model, storage="F32", family=ours.family)
    assert architecture == ARCHITECTURES.get(ours.family, ours.family)
    again = read_model(tmp_path / "m.gguf")
    assert not differences(ours.config, again.config)
    for key, tensor in ours.model.state_dict().items():
        came_back = again.model.state_dict()[key]
        if ours.config.norm.unit_offset and "norm" in key:
            # Gemma's norms are stored as 1 + weight, which float32 rounds by at most half of 2^-22 below 4.
            torch.testing.assert_close(came_back, tensor, rtol=0, atol=2.0**-23)
        else:
            assert torch.equal(tensor, came_back), key
    assert again.tokenizer is None


@pytest.mark.parametrize("name", sorted(NOT_HELD))
def test_what_gguf_cannot_say_is_refused(name, tmp_path):
    ours = original(name, tmp_path)
    with pytest.raises(ConfigError, match="choosing a family") as caught:
        write_gguf(tmp_path / "m.gguf", ours.model, family=ours.family)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "m.gguf").exists()


@pytest.mark.parametrize(
    "name",
    [
        "llama",
        "llama-tied",
        "mistral-no-window",
        "qwen2",
        "qwen3",
        "gpt2",
        "gemma2",
        "gemma3",
        "qwen3-moe",
        "phi3",
        "stablelm",
        "starcoder2",
    ],
)
def test_transformers_reads_the_same_logits(name, tmp_path):
    ours = original(name, tmp_path)
    write_gguf(tmp_path / "m.gguf", ours.model, storage="F32", family=ours.family)
    # From GGUF metadata transformers does not read all: Qwen 3's head_dim, GPT-2's vocab_size, Gemma's scale of scores.
    config = transformers.AutoConfig.from_pretrained(tmp_path / "theirs")
    told = {} if name in ("llama", "llama-tied", "mistral-no-window", "qwen2") else {"config": config}
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="m.gguf", **told).eval()
    with torch.no_grad():
        logits = ours.model(tiny_transformers.ids())
    # float32 sums in another order
    torch.testing.assert_close(logits, tiny_transformers.answer(theirs), rtol=0, atol=1e-5)


def test_transformers_reads_the_same_logits_of_t5(tmp_path):
    ours = original("t5-flan", tmp_path)
    generation = Generation(start=3)
    write_gguf(tmp_path / "m.gguf", ours.model, storage="F32", generation=generation)
    assert open_model(tmp_path / "m.gguf").generation == generation
    # transformers does not read a T5's activation, nor the scale of its head, from GGUF metadata.
    told = transformers.AutoConfig.from_pretrained(tmp_path / "theirs")
    reader = transformers.T5ForConditionalGeneration
    theirs = reader.from_pretrained(tmp_path, gguf_file="m.gguf", config=told).eval()
    # float32 sums in another order
    expected = tiny_transformers.answer(theirs)
    torch.testing.assert_close(tiny_transformers.our_answer(ours.model), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("storage", STORAGES)
def test_stored_numbers_are_those_of_the_gguf_package(storage, tmp_path):
    ours = original("llama", tmp_path)
    write_gguf(tmp_path / "m.gguf", ours.model, storage=storage)
    tensors = open_tensors(tmp_path / "m.gguf")
    for name, parameter in ours.model.state_dict().items():
        kind = "F32" if parameter.dim() == 1 else storage
        if kind.startswith("Q4") and name in ("embedding.token.weight", "head.weight"):
            kind = "Q8_0"
        assert tensors.storage(name) == kind
        quantized = quantize(parameter.numpy(), GGMLQuantizationType[kind])
        assert torch.equal(tensors[name], torch.from_numpy(dequantize(quantized, GGMLQuantizationType[kind]))), name


def test_rows_that_are_not_whole_blocks_are_kept_as_float16(tmp_path):
    ours = original("llama", tmp_path)
    ours.model.blocks[0].feed_forward.down.weight = torch.nn.Parameter(torch.randn(64, 96))
    theirs = tiny_transformers.MODELS["llama"]().config
    theirs.intermediate_size = 90
    transformers.LlamaForCausalLM(theirs).save_pretrained(tmp_path / "odd")
    write_gguf(tmp_path / "m.gguf", read_model(tmp_path / "odd").model, storage="Q8_0")
    tensors = open_tensors(tmp_path / "m.gguf")
    assert tensors.storage("blocks.0.feed_forward.down.weight") == "F16"
    assert tensors.storage("blocks.0.feed_forward.up.weight") == "Q8_0"


def test_metadata_as_llama_cpp_spells_it(tmp_path, tiny_model):
    ours = read_model(tiny_model)
    write_gguf(tmp_path / "m.gguf", ours.model, tokenizer=ours.tokenizer, chat_template=ours.chat_template)
    fields = {key: field.contents() for key, field in GGUFReader(tmp_path / "m.gguf").fields.items()}
    assert fields["general.architecture"] == "llama"
    assert fields["llama.attention.head_count_kv"] == 2
    assert fields["llama.rope.dimension_count"] == 8
    assert fields["llama.attention.layer_norm_rms_epsilon"] == np.float32(1e-5)
    assert fields["tokenizer.chat_template"] == ours.chat_template
    assert len(fields["tokenizer.ggml.tokens"]) == ours.config.vocab_size
    again = read_model(tmp_path / "m.gguf")
    text = "<|im_start|>The matrix of tokens"
    assert again.tokenizer.encode(text, control=True) == ours.tokenizer.encode(text, control=True)
    assert again.chat_template == ours.chat_template


def test_a_vocabulary_is_filled_up_to_the_width_of_the_model(tmp_path, tiny_model):
    tokenizer = read_model(tiny_model).tokenizer
    small = original("llama", tmp_path)
    with pytest.raises(ConfigError, match="at most 96 tokens"):
        write_gguf(tmp_path / "m.gguf", small.model, tokenizer=tokenizer)
    config = tiny_transformers.MODELS["llama"]().config
    config.vocab_size = tokenizer.vocab_size + 20
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "wide")
    write_gguf(tmp_path / "m.gguf", read_model(tmp_path / "wide").model, tokenizer=tokenizer)
    again = read_model(tmp_path / "m.gguf")
    assert again.config.vocab_size == again.tokenizer.vocab_size == tokenizer.vocab_size + 20
    assert again.tokenizer.encode("the matrix") == tokenizer.encode("the matrix")


def test_low_rank_is_multiplied_out_only_when_asked(tmp_path):
    model = original("llama", tmp_path).model
    thin = LowRankLinear.from_factors(torch.randn(96, 7), torch.randn(7, 64))
    model.blocks[0].feed_forward.up = thin
    with pytest.raises(ConfigError, match="low-rank"):
        write_gguf(tmp_path / "m.gguf", model, storage="F32")
    write_gguf(tmp_path / "m.gguf", model, storage="F32", multiply_out=True)
    assert torch.equal(open_tensors(tmp_path / "m.gguf")["blocks.0.feed_forward.up.weight"], thin.B @ thin.A)


@pytest.mark.parametrize("storage", ["F16", "Q4_1", "Q3_K_M"])
def test_its_size_is_known_before_it_is_written(tmp_path, tiny_model, storage):
    read = read_model(tiny_model)
    parts = {"tokenizer": read.tokenizer, "generation": read.generation}
    write_gguf(tmp_path / "m.gguf", read.model, storage=storage, **parts)
    assert gguf_size(read.model, storage, **parts) == (tmp_path / "m.gguf").stat().st_size


def test_an_unknown_storage_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q2_K, .*, Q6_K, got 'Q9_K'"):
        write_gguf(tmp_path / "m.gguf", original("llama", tmp_path).model, storage="Q9_K")


def test_an_architecture_that_is_not_known(tmp_path):
    write_gguf(tmp_path / "m.gguf", original("qwen3", tmp_path).model, storage="F32")
    content = (tmp_path / "m.gguf").read_bytes()
    (tmp_path / "m.gguf").write_bytes(content.replace(b"qwen3", b"mamba"))
    with pytest.raises(CheckpointError, match=r"llama, qwen2, qwen3, gpt2, bert, .*got 'mamba'"):
        read_model(tmp_path / "m.gguf")


def test_one_part_of_a_split_file_is_refused(tmp_path):
    part = g.gguf([g.entry("general.architecture", g.STRING, "llama"), g.entry("split.count", g.U16, 3)])
    (tmp_path / "m-00001-of-00003.gguf").write_bytes(part)
    with pytest.raises(CheckpointError, match="one part of several; join the parts first"):
        read_model(tmp_path / "m-00001-of-00003.gguf")


def changed(name: str, folder: Path, changes: Mapping[str, object], **whole: object) -> Transformer:
    """A tiny model with other fields in each layer, `attention.bias` and the like, and in the whole config."""

    def other(layer: LayerConfig) -> LayerConfig:
        for field, value in changes.items():
            part, leaf = field.split(".")
            layer = replace(layer, **{part: replace(getattr(layer, part), **{leaf: value})})
        return layer

    return Transformer(replace(original(name, folder).config.with_layers(other), **whole))


# Written as the architecture they come from, llama.cpp 0.3.36 answers "wrong number of tensors", "tensor not found",
# "wrong shape" or a failed assertion; Gemma 3's bound it reads over.
@pytest.mark.parametrize(
    ("name", "changes", "architecture"),
    [
        ("qwen2", {"attention.output_bias": True}, "llama"),
        ("qwen2", {"attention.head_dim": 20}, "llama"),
        ("llama-tied", {"attention.rotary": RotaryConfig(width=4)}, "phi3"),
        ("qwen3", {"attention.rotary": RotaryConfig(width=4)}, None),
        ("qwen3", {"attention.bias": True, "attention.output_bias": True}, None),
        ("qwen3", {"feed_forward.bias": True}, None),
        ("qwen3-moe", {"attention.output_bias": True}, None),
        ("gemma", {"feed_forward.bias": True}, None),
        ("gemma3-all-full", {"attention.softcap": 5.0}, None),
        ("gpt-oss-alternate", {"attention.output_bias": False}, None),
        ("granite", {"attention.rotary": RotaryConfig(width=4)}, None),
        ("phi", {"attention.output_bias": False}, None),
        ("phi3-long", {"attention.output_bias": True}, None),
        ("stablelm", {"feed_forward.bias": True}, None),
        ("starcoder2", {"attention.output_bias": False}, None),
        ("olmo2", {"feed_forward.bias": True}, None),
    ],
)
def test_what_llama_cpp_does_not_open_is_written_otherwise_or_refused(name, changes, architecture, tmp_path):
    model = changed(name, tmp_path, changes)
    if architecture is not None:
        assert write_gguf(tmp_path / "m.gguf", model, storage="F32", family=name) == architecture
        return
    with pytest.raises(ConfigError, match="choosing a family"):
        write_gguf(tmp_path / "m.gguf", model, storage="F32", family=name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mistral", "without its window of 5 tokens"),
        ("mixtral-window", "without its window of 5 tokens"),
        ("phi3-window", "without its window of 5 tokens"),
        ("qwen2-window", "without its window of 5 tokens"),
        ("mistral-no-window", None),
        ("gemma3", None),
        ("olmo3", None),
        ("gpt-oss-alternate", None),
        ("phi3-long", "more than 2 tokens"),
        ("t5", "6.93 times as large"),  # sqrt(48)
        ("t5-flan", None),
    ],
)
def test_what_llama_cpp_computes_otherwise_is_told(name, told, tmp_path):
    """As measured by benchmarks/llama_cpp.py; the others agree."""
    ours = original(name, tmp_path)
    architecture = write_gguf(tmp_path / "m.gguf", ours.model, storage="F32", family=ours.family)
    found = misread_by_llama_cpp(architecture, ours.config)
    assert found is None if told is None else told in found


@pytest.mark.parametrize(
    ("name", "said"),
    [("bart", "can hold, got bart; write a Hugging Face folder$"), ("gpt2-relu", "activation; write a Hugging Face")],
)
def test_a_family_without_an_architecture_is_named_with_what_to_do(name, said, tmp_path):
    ours = original(name, tmp_path)
    with pytest.raises(ConfigError, match=said):
        write_gguf(tmp_path / "m.gguf", ours.model, family=ours.family)


def test_a_model_of_ours_is_told_the_setting_to_train_with(tmp_path):
    model = original("gpt2-relu", tmp_path).model
    with pytest.raises(ConfigError, match=r"folder, or train one with feed_forward\.activation = gelu_tanh$"):
        write_gguf(tmp_path / "m.gguf", model, family="eigenlm")


def test_a_window_as_long_as_the_context_is_none(tmp_path):
    model = changed("mistral", tmp_path, {"attention.window": 64})
    assert misread_by_llama_cpp("llama", model.config) is None


def test_an_encoder_without_segments_counts_one(tmp_path):
    """Without the count llama.cpp opens no BERT."""
    write_gguf(tmp_path / "m.gguf", original("distilbert", tmp_path).model, storage="F32")
    assert GGUFReader(tmp_path / "m.gguf").fields["tokenizer.ggml.token_type_count"].contents() == 1


def test_scaling_that_is_not_computed_is_refused(tmp_path):
    write_gguf(tmp_path / "m.gguf", original("llama-linear-rope", tmp_path).model, storage="F32")
    content = (tmp_path / "m.gguf").read_bytes()
    (tmp_path / "m.gguf").write_bytes(content.replace(b"linear", b"dynami"))
    with pytest.raises(CheckpointError, match="'dynami'"):
        read_model(tmp_path / "m.gguf")


def test_flipped_bytes_give_a_model_or_one_line(tmp_path, tiny_model):
    ours = read_model(tiny_model)
    write_gguf(tmp_path / "m.gguf", ours.model, tokenizer=ours.tokenizer, chat_template=ours.chat_template)
    whole = (tmp_path / "m.gguf").read_bytes()
    header = whole.index(b"token_embd") + 2_000
    generator = np.random.default_rng(0)
    messages = []
    for at in generator.integers(0, header, 60):
        damaged = bytearray(whole)
        damaged[at] ^= int(generator.integers(1, 256))
        (tmp_path / "m.gguf").write_bytes(damaged)
        try:
            read_model(tmp_path / "m.gguf")
        except EigenError as error:
            messages.append(str(error))
    assert len(messages) > 5
    assert not any("\n" in message for message in messages)


@pytest.mark.skipif(find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed")
@pytest.mark.parametrize("name", ["llama", "llama-3-rope", "qwen2", "qwen3", "gpt2"])
def test_llama_cpp_gives_the_same_logits(name, tmp_path):
    ours = original(name, tmp_path)
    write_gguf(tmp_path / "m.gguf", ours.model, storage="F32", family=ours.family)
    ids = tiny_transformers.ids()[:1]
    program = (
        "import sys, json; from llama_cpp import Llama; ids = json.loads(sys.argv[2]);"
        "model = Llama(sys.argv[1], n_ctx=64, logits_all=True, type_k=0, type_v=0, flash_attn=False, verbose=False);"
        "model.eval(ids); print(json.dumps(model.scores[: len(ids)].tolist()))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "m.gguf"), json.dumps(ids[0].tolist())]
    theirs = torch.tensor(json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
    with torch.no_grad():
        logits = ours.model(ids)[0]
    # llama.cpp looks GELU up in a float16 table (measured 2e-4); the others were within 5e-7.
    assert (logits - theirs).norm() / theirs.norm() < (1e-3 if name == "gpt2" else 1e-5)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="writable"):
        write_gguf(tmp_path / "file" / "m.gguf", original("llama", tmp_path).model)
