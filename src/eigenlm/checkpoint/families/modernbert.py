"""ModernBERT: rotary positions, gates, norms before each part, and two kinds of layers: local ones and global ones."""

from collections.abc import Mapping
from typing import Any, Literal

from eigenlm.checkpoint.families.activations import ours, theirs
from eigenlm.checkpoint.families.dialect import Dialect, Location, dense_of, equal_heads, refuse, softmax_of, windows_of
from eigenlm.checkpoint.families.heads import SPAN, Heads, Task
from eigenlm.checkpoint.families.layout import Rows
from eigenlm.checkpoint.families.rope import read_rope, rotary_of, write_rope
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import ClassifierHead, HeadConfig, TransformerConfig, VocabularyHead

_FUSED, _GATED = ("query", "key", "value"), ("gate", "up")
_GLOBAL, _LOCAL = "full_attention", "sliding_attention"
_BASES = {_GLOBAL: ("global_rope_theta", 160000.0), _LOCAL: ("local_rope_theta", 10000.0)}
_POOLING: dict[str, Literal["first", "mean"]] = {"cls": "first", "mean": "mean"}
_TRANSFORM = {"transform": "head.dense", "transform_norm": "head.norm"}


def _heads(form: ClassifierHead) -> Heads:
    """The heads of a model; `form` says what a classifier of texts reads, and all of the transform."""
    names = {**_TRANSFORM, "logits": "classifier"}
    every = {**vars(form), "reads": "every"}
    return Heads(
        class_name="ModernBert",
        masked={**_TRANSFORM, "weight": "decoder.weight", "bias": "decoder.bias"},
        tasks={
            "ForSequenceClassification": Task(head=form, names=names),
            "ForQuestionAnswering": Task(
                head=ClassifierHead(**{**every, "num_labels": 2, "labels": SPAN}), names=names
            ),
            "ForTokenClassification": Task(head=ClassifierHead(**every), names=names),
        },
    )


def _heads_of(head: HeadConfig | None) -> Heads:
    """The heads of a model that has this one."""
    form = {"num_labels": 1, "reads": "first", "transform": "gelu", "transform_norm": True}
    if isinstance(head, ClassifierHead):
        form |= {"transform": head.transform, "transform_bias": head.transform_bias}
        form |= {"reads": "first" if head.reads == "every" else head.reads}
    return _heads(ClassifierHead(**form))  # type: ignore[arg-type]


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    off = dict.fromkeys(("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"), False)
    return {
        "hidden_activation": "gelu",
        "classifier_activation": "gelu",
        "classifier_pooling": "cls",
        "decoder_bias": True,
        "local_attention": 128,
        "tie_word_embeddings": True,
        "global_attn_every_n_layers": 3,
        **off,
    }


def _read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    equal = equal_heads("modernbert", values["num_attention_heads"], values["hidden_size"])
    if values["classifier_pooling"] not in _POOLING:
        raise refuse("modernbert", f"classifier_pooling of {' or '.join(_POOLING)}", values["classifier_pooling"])
    activation, biased = ours("modernbert", values["classifier_activation"]), values["classifier_bias"]
    form = ClassifierHead(
        num_labels=1,
        reads=_POOLING[values["classifier_pooling"]],
        transform=activation,
        transform_bias=biased,
        transform_norm=True,
    )
    masked = {"transform": activation, "transform_bias": biased, "bias": values["decoder_bias"]}
    return {
        **equal,
        "layer.attention.output_bias": values["attention_bias"],
        "layer.feed_forward.activation": ours("modernbert", values["hidden_activation"]),
        "layers": _read_layers(values, equal["layer.attention.head_dim"]),
        **_heads(form).read(values, tensors, masked),
    }


def _read_layers(values: Mapping[str, Any], head_dim: int) -> list[dict[str, Any]]:
    """Local and global layers, each as `layer_types` says or every third; the first has no norm before attention."""
    every, count = values["global_attn_every_n_layers"], values["num_hidden_layers"]
    kinds = values.get("layer_types") or [_LOCAL if i % every else _GLOBAL for i in range(count)]
    turned = {kind: _read_rotary(values, kind, head_dim) for kind in _BASES}
    windows = {
        _GLOBAL: {"attention.kind": "softmax"},
        _LOCAL: {"attention.kind": "sliding_window", "attention.window": values["local_attention"]},
    }
    if unknown := [kind for kind in kinds if kind not in _BASES]:
        raise refuse("modernbert", f"layer_types of {' and '.join(_BASES)}", repr(unknown[0]))
    return [
        {**windows[kind], "attention.rotary": turned[kind], "attention_norm": i > 0} for i, kind in enumerate(kinds)
    ]


def _read_rotary(values: Mapping[str, Any], kind: str, head_dim: int) -> dict[str, Any]:
    """From `rope_parameters` (transformers 5), or from a base and `rope_scaling` (4)."""
    key, usual = _BASES[kind]
    own = (values.get("rope_parameters") or {}).get(kind) or {}
    return read_rope(
        {"rope_theta": values.get(key, usual), **own, **(values.get("rope_scaling") or {})}, values, head_dim
    )


def _write(config: TransformerConfig) -> dict[str, Any]:
    attention, head = softmax_of(config), config.head
    kinds = [_GLOBAL if window is None else _LOCAL for window in windows_of(config)]
    turned = {kind: rotary_of(layer) for kind, layer in zip(kinds, config.layers)}
    width = attention.head_dim
    bases = {_BASES[kind][0]: rotary.base for kind, rotary in turned.items()}
    windows = [window for window in windows_of(config) if window is not None]
    said = {
        "model_type": "modernbert",
        "num_attention_heads": attention.num_heads,
        "hidden_activation": theirs(dense_of(config).activation),
        "layer_types": kinds,
        "global_attn_every_n_layers": next((i for i in range(1, len(kinds)) if kinds[i] == _GLOBAL), len(kinds)),
        "local_attention": windows[0] if windows else 128,
        "rope_parameters": {kind: write_rope(one, width, config.context_length) for kind, one in turned.items()},
        **bases,
        **_heads_of(head).write(config),
    }
    if isinstance(head, VocabularyHead):
        said["decoder_bias"] = head.bias
    if isinstance(head, ClassifierHead):
        said["classifier_pooling"] = "mean" if head.reads == "mean" else "cls"
    if isinstance(head, (VocabularyHead, ClassifierHead)) and head.transform is not None:
        said |= {"classifier_activation": theirs(head.transform), "classifier_bias": head.transform_bias}
    return said


_BLOCK = "model.layers.{i}"
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
        "vocab_size": "vocab_size",
        "context_length": "max_position_embeddings",
        "d_model": "hidden_size",
        "num_layers": "num_hidden_layers",
        "layer.feed_forward.d_ff": "intermediate_size",
        "layer.feed_forward.bias": "mlp_bias",
        "layer.attention.bias": "attention_bias",
        "norm.eps": "norm_eps",
        "norm.bias": "norm_bias",
    },
    defaults=_defaults,
    read=_read,
    write=_write,
    names={
        "embedding.token": "model.embeddings.tok_embeddings",
        "embedding.norm": "model.embeddings.norm",
        "blocks.{i}.attention_norm": f"{_BLOCK}.attn_norm",
        **{f"blocks.{{i}}.attention.{name}": Location(f"{_BLOCK}.attn.Wqkv", (Rows(name, _FUSED),)) for name in _FUSED},
        "blocks.{i}.attention.output": f"{_BLOCK}.attn.Wo",
        "blocks.{i}.feed_forward_norm": f"{_BLOCK}.mlp_norm",
        **{f"blocks.{{i}}.feed_forward.{name}": Location(f"{_BLOCK}.mlp.Wi", (Rows(name, _GATED),)) for name in _GATED},
        "blocks.{i}.feed_forward.down": f"{_BLOCK}.mlp.Wo",
        "norm": "model.final_norm",
    },
    names_of=lambda config: _heads_of(config.head).names(config),
    prefix="model.",
    twins={"decoder.weight": "model.embeddings.tok_embeddings.weight"},
)
