"""Tiny random encoders of transformers, with each head they have."""

import transformers as t

_SIZES = {
    "vocab_size": 96,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "max_position_embeddings": 40,
}
_NAMED = {"id2label": {0: "no", 1: "perhaps", 2: "yes"}, "label2id": {"no": 0, "perhaps": 1, "yes": 2}}

MODELS = {
    "bert-classifier": lambda: t.BertForSequenceClassification(t.BertConfig(**_SIZES, **_NAMED)),
    "bert-regressor": lambda: t.BertForSequenceClassification(t.BertConfig(**_SIZES, num_labels=1)),
    "bert-tagger": lambda: t.BertForTokenClassification(t.BertConfig(**_SIZES, num_labels=5)),
    "bert-two-tags": lambda: t.BertForTokenClassification(t.BertConfig(**_SIZES)),
    "bert-answers": lambda: t.BertForQuestionAnswering(t.BertConfig(**_SIZES)),
}
