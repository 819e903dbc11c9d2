"""ModernBERT: rotary positions, gates, norms before each part, and two kinds of layers: local ones and global ones."""

from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.dialects.dialect import Dialect, FamilyPart, FileReading
from eigenlm.checkpoint.dialects.heads import SPAN, Heads, Task
from eigenlm.checkpoint.dialects.keys import SIZES, activation, choice
from eigenlm.checkpoint.dialects.names import GATE_UP, QUERY_KEY_VALUE, fused, in_blocks
from eigenlm.checkpoint.dialects.rope import ropes_by_type
from eigenlm.checkpoint.dialects.windows import FULL, LOCAL, by_type, first_window, written_types
from eigenlm.model import ClassifierHead, HeadConfig, TransformerConfig, VocabularyHead

_BASES = {FULL: ("global_rope_theta", 160000.0), LOCAL: ("local_rope_theta", 10000.0)}
_POOLING = choice("classifier_pooling", {"cls": "first", "mean": "mean"})
_ACTIVATION = activation("classifier_activation")
_TRANSFORM = {"transform": "head.dense", "transform_norm": "head.norm"}


def _heads(form: ClassifierHead) -> Heads:
    """The heads of a model; `form` says what a classifier of texts reads, and all of the transform."""
    names = {**_TRANSFORM, "logits": "classifier"}
    tags = replace(form, reads="every")
    answers = replace(tags, num_labels=2, labels=SPAN)
    return Heads(
        class_name="ModernBert",
        masked={**_TRANSFORM, "weight": "decoder.weight", "bias": "decoder.bias"},
        tasks={
            "ForSequenceClassification": Task(head=form, names=names),
            "ForQuestionAnswering": Task(head=answers, names=names),
            "ForTokenClassification": Task(head=tags, names=names),
        },
        transform=form.transform,
    )


def _heads_of(head: HeadConfig | None) -> Heads:
    """The heads of a model that has this one."""
    if not isinstance(head, ClassifierHead):
        return _heads(ClassifierHead(num_labels=1, reads="first", transform="gelu", transform_norm=True))
    reads = "first" if head.reads == "every" else head.reads
    return _heads(replace(head, num_labels=1, labels=None, reads=reads))


def _read_head(file: FileReading) -> dict[str, Any]:
    form = ClassifierHead(
        num_labels=1,
        reads=_POOLING.ours(file.values["classifier_pooling"]),
        transform=_ACTIVATION.ours(file.values["classifier_activation"]),
        transform_bias=file.values["classifier_bias"],
        transform_norm=True,
    )
    found = _heads(form).read(file)["head"]
    if found is not None and "num_labels" not in found:
        found |= {"transform_bias": form.transform_bias, "bias": file.values["decoder_bias"]}
    return {"head": found}


def _write_head(config: TransformerConfig) -> dict[str, Any]:
    head, said = config.head, _heads_of(config.head).write(config)
    if isinstance(head, VocabularyHead):
        said["decoder_bias"] = head.bias
    if isinstance(head, ClassifierHead):
        said["classifier_pooling"] = "mean" if head.reads == "mean" else "cls"
    if isinstance(head, (VocabularyHead, ClassifierHead)) and head.transform is not None:
        said |= {"classifier_activation": _ACTIVATION.theirs(head.transform), "classifier_bias": head.transform_bias}
    return said


def _types(file: FileReading) -> list[str]:
    every = file.values["global_attn_every_n_layers"]
    return [LOCAL if i % every else FULL for i in range(file.ours["num_layers"])]


def _first_is_not_normed(file: FileReading) -> dict[str, Any]:
    return {"layers": [{"attention_norm": i > 0} for i in range(file.ours["num_layers"])]}


def _write_layers(config: TransformerConfig) -> dict[str, Any]:
    types = written_types(config)
    return {
        "global_attn_every_n_layers": next((i for i in range(1, len(types)) if types[i] == FULL), len(types)),
        "local_attention": first_window(config) or 128,
    }


MODERNBERT = Dialect(
    family="modernbert",
    constants={
        "kind": "encoder",
        "norm.kind": "layer",
        "final_norm": True,
        "positions.kind": "none",
        "embedding.norm": True,
        "layer.norm_position": "pre",
        "layer.feed_forward.gated": True,
    },
    fields={
        **SIZES,
        "layer.attention.bias": "attention_bias",
        "layer.attention.output_bias": "attention_bias",
        "layer.feed_forward.activation": activation("hidden_activation"),
        "layer.feed_forward.bias": "mlp_bias",
        "norm.eps": "norm_eps",
        "norm.bias": "norm_bias",
    },
    defaults={
        **dict.fromkeys(("hidden_activation", "classifier_activation"), "gelu"),
        **dict.fromkeys(("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"), False),
        **dict.fromkeys(("decoder_bias", "tie_word_embeddings"), True),
        "classifier_pooling": "cls",
        "local_attention": 128,
        "global_attn_every_n_layers": 3,
    },
    parts={
        "rope": ropes_by_type(_types, _BASES, scaled=(FULL, LOCAL)),
        "layers": by_type(_types, key="local_attention"),
        "norms": FamilyPart(_first_is_not_normed, _write_layers),
        "head": FamilyPart(_read_head, _write_head, names=lambda config: _heads_of(config.head).names(config)),
    },
    names={
        "embedding.token": "model.embeddings.tok_embeddings",
        "embedding.norm": "model.embeddings.norm",
        **fused("blocks.{i}.attention.", "model.layers.{i}.attn.Wqkv", QUERY_KEY_VALUE),
        **fused("blocks.{i}.feed_forward.", "model.layers.{i}.mlp.Wi", GATE_UP),
        **in_blocks(
            "model.layers.{i}.",
            {
                "attention_norm": "attn_norm",
                "attention.output": "attn.Wo",
                "feed_forward_norm": "mlp_norm",
                "feed_forward.down": "mlp.Wo",
            },
        ),
        "norm": "model.final_norm",
    },
    prefix="model.",
    twins={"decoder.weight": "model.embeddings.tok_embeddings.weight"},
)
HUGGING_FACE = (MODERNBERT,)
