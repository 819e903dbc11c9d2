"""Encoders and their heads: batches of unequal length, labels, and what is refused."""

import json
from pathlib import Path

import pytest
import tiny_encoders
import tiny_transformers
import torch
from odd_values import messages_of
from safetensors import safe_open
from test_hugging_face import TOLERANCE, edited, saved

from eigenlm.checkpoint import read_model, write_hugging_face
from eigenlm.engine import left_padded
from eigenlm.errors import CheckpointError, EigenError

PAD = 1  # of RoBERTa, which counts positions by it


def logits(model: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What transformers gives for a batch that is padded on the right."""
    out = model(ids, attention_mask=mask)
    if hasattr(out, "start_logits"):
        return torch.stack([out.start_logits, out.end_logits], dim=-1)
    return out.logits if hasattr(out, "logits") else out.last_hidden_state


@pytest.mark.parametrize("name", tiny_encoders.MODELS)
def test_a_text_beside_a_longer_one_is_as_in_transformers_and_as_alone(name, tmp_path):
    theirs, ours = saved(name, tmp_path), read_model(tmp_path).model
    long, short = tiny_transformers.ids()[0], tiny_transformers.ids()[1, :13]
    ids, positions = left_padded([long, short])
    padded = torch.stack([long, torch.cat([short, short.new_full((7,), PAD)])])
    mask = torch.ones_like(padded)
    mask[1, 13:] = 0
    with torch.no_grad():
        together, alone, expected = ours(ids, positions=positions), ours(short[None]), logits(theirs, padded, mask)
    if expected.shape[:2] == ids.shape:  # something for every token
        together, expected = together[1, -13:], expected[1, :13]
    else:
        together, expected = together[1], expected[1]
    torch.testing.assert_close(together.reshape(expected.shape), expected, rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(together, alone[0], rtol=0, atol=TOLERANCE)


def test_names_of_labels_come_back(tmp_path):
    saved("bert-classifier", tmp_path / "theirs")
    read = read_model(tmp_path / "theirs")
    assert read.config.head.labels == ("no", "perhaps", "yes")
    write_hugging_face(tmp_path / "ours", read.model, family="bert")
    values = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert values["id2label"] == {"0": "no", "1": "perhaps", "2": "yes"}
    assert values["label2id"] == {"no": 0, "perhaps": 1, "yes": 2}


def test_a_tagger_of_two_labels_is_not_one_that_answers(tmp_path):
    for name, architecture in (("bert-two-tags", "TokenClassification"), ("bert-answers", "QuestionAnswering")):
        saved(name, tmp_path / name)
        write_hugging_face(tmp_path / f"ours-{name}", read_model(tmp_path / name).model, family="bert")
        values = json.loads((tmp_path / f"ours-{name}" / "config.json").read_text())
        assert values["architectures"] == [f"BertFor{architecture}"]


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("bert", {"architectures": ["BertForMultipleChoice"]}, "BertForTokenClassification, got 'BertForMultipleCh"),
        ("bert-mlm", {"architectures": ["BertLMHeadModel"], "is_decoder": True}, "is_decoder = False"),
        ("bert-mlm", {"architectures": ["BertLMHeadModel"]}, "got 'BertLMHeadModel'"),
        ("bert-classifier", {"id2label": {"1": "a", "2": "b", "3": "c"}}, "labels 0, 1, 2"),
        ("bert-classifier", {"id2label": {"0": "a"}}, r"head\.logits.*sizes \(1, 48\), got \(3, 48\)"),
        ("bert-tagger", {"id2label": {"0": 3}}, "labels"),
        ("roberta", {"pad_token_id": 41}, "pad_token_id below 41"),
        ("roberta", {"architectures": ["RobertaForCausalLM"]}, "got 'RobertaForCausalLM'"),
        ("mpnet", {"pad_token_id": 0}, "pad_token_id = 1"),
        ("mpnet", {"relative_attention_num_buckets": 16}, "relative_attention_num_buckets = 32"),
        ("electra-discriminator", {"hidden_act": "relu"}, "hidden_act = 'gelu'"),
        ("electra", {"embedding_size": 24}, "sizes"),
        ("modernbert", {"layer_types": ["chunked_attention"] * 5}, "got 'chunked_attention'"),
        ("modernbert", {"local_attention": 0}, "window"),
        ("modernbert-classifier", {"classifier_pooling": "max"}, "cls or mean"),
    ],
)
def test_what_is_not_computed_is_refused_in_one_line(name, changes, message, tmp_path):
    saved(name, tmp_path / "model")
    with pytest.raises(EigenError, match=message) as caught:
        read_model(edited(tmp_path / "model", **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["bert-tagger", "roberta-classifier", "distilbert-answers", "mpnet-mlm", "modernbert-mean"]
)
def test_any_odd_value_in_a_config_gives_a_model_or_one_line(name, tmp_path):
    saved(name, tmp_path / "model")
    messages = messages_of(tmp_path / "model", name)
    assert len(messages) > 30
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_in_several_files(dtype, tmp_path):
    model = tiny_transformers.tiny("roberta-mlm").to(dtype)
    model.save_pretrained(tmp_path / "theirs", max_shard_size="30KB")
    files = sorted((tmp_path / "theirs").glob("*.safetensors"))
    assert len(files) > 2
    with safe_open(files[0], "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {dtype}  # noqa: SIM118
    with torch.no_grad():
        ours = read_model(tmp_path / "theirs").model(tiny_transformers.ids())
    torch.testing.assert_close(ours, tiny_transformers.answer(model.float()), rtol=0, atol=TOLERANCE)


def test_modernbert_as_transformers_4_spelled_it(tmp_path):
    theirs = saved("modernbert-mlm", tmp_path)
    old = {"global_attn_every_n_layers": 3, "global_rope_theta": 160000.0, "local_rope_theta": 10000.0}
    edited(tmp_path, layer_types=None, rope_parameters=None, **old)
    with torch.no_grad():
        logits = read_model(tmp_path).model(tiny_transformers.ids())
    torch.testing.assert_close(logits, tiny_transformers.answer(theirs), rtol=0, atol=TOLERANCE)


def test_a_head_that_is_missing_is_named(tmp_path):
    saved("bert", tmp_path / "model")
    with pytest.raises(CheckpointError, match=r"tensors classifier\.weight, classifier\.bias"):
        read_model(edited(Path(tmp_path / "model"), architectures=["BertForSequenceClassification"]))
