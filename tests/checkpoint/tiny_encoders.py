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
_PADDED = {**_SIZES, "pad_token_id": 1, "max_position_embeddings": 42}  # the first position is row 2 of the table
_DISTILBERT = {
    "vocab_size": 96,
    "dim": 48,
    "hidden_dim": 80,
    "n_layers": 3,
    "n_heads": 3,
    "max_position_embeddings": 40,
}
_ELECTRA = {**_SIZES, "embedding_size": 20}
_MODERNBERT = {
    **{key: value for key, value in _SIZES.items() if key != "num_hidden_layers"},
    "num_hidden_layers": 5,
    "local_attention": 6,  # a token sees three on each side, in four layers of six
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 0),
}
_BIASED = dict.fromkeys(("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"), True)

MODELS = {
    "bert-classifier": lambda: t.BertForSequenceClassification(t.BertConfig(**_SIZES, **_NAMED)),
    "bert-regressor": lambda: t.BertForSequenceClassification(t.BertConfig(**_SIZES, num_labels=1)),
    "bert-tagger": lambda: t.BertForTokenClassification(t.BertConfig(**_SIZES, num_labels=5)),
    "bert-two-tags": lambda: t.BertForTokenClassification(t.BertConfig(**_SIZES)),
    "bert-answers": lambda: t.BertForQuestionAnswering(t.BertConfig(**_SIZES)),
    "roberta": lambda: t.RobertaModel(t.RobertaConfig(**_PADDED, type_vocab_size=1)),
    "roberta-mlm": lambda: t.RobertaForMaskedLM(t.RobertaConfig(**_PADDED, type_vocab_size=1)),
    "roberta-mlm-untied": lambda: t.RobertaForMaskedLM(
        t.RobertaConfig(**_PADDED, type_vocab_size=2, hidden_act="relu", tie_word_embeddings=False)
    ),
    "roberta-classifier": lambda: t.RobertaForSequenceClassification(t.RobertaConfig(**_PADDED, **_NAMED)),
    "roberta-tagger": lambda: t.RobertaForTokenClassification(t.RobertaConfig(**_PADDED, **_NAMED)),
    "roberta-answers": lambda: t.RobertaForQuestionAnswering(t.RobertaConfig(**_PADDED)),
    "xlm-roberta-mlm": lambda: t.XLMRobertaForMaskedLM(t.XLMRobertaConfig(**_PADDED, type_vocab_size=1)),
    "xlm-roberta-reranker": lambda: t.XLMRobertaForSequenceClassification(
        t.XLMRobertaConfig(**_PADDED, type_vocab_size=1, num_labels=1)
    ),
    "camembert-mlm": lambda: t.CamembertForMaskedLM(t.CamembertConfig(**_PADDED, type_vocab_size=1)),
    "distilbert": lambda: t.DistilBertModel(t.DistilBertConfig(**_DISTILBERT)),
    "distilbert-mlm": lambda: t.DistilBertForMaskedLM(t.DistilBertConfig(**_DISTILBERT, activation="relu")),
    "distilbert-mlm-untied": lambda: t.DistilBertForMaskedLM(
        t.DistilBertConfig(**_DISTILBERT, tie_word_embeddings=False)
    ),
    "distilbert-classifier": lambda: t.DistilBertForSequenceClassification(t.DistilBertConfig(**_DISTILBERT, **_NAMED)),
    "distilbert-tagger": lambda: t.DistilBertForTokenClassification(t.DistilBertConfig(**_DISTILBERT, num_labels=4)),
    "distilbert-answers": lambda: t.DistilBertForQuestionAnswering(t.DistilBertConfig(**_DISTILBERT)),
    "mpnet": lambda: t.MPNetModel(t.MPNetConfig(**_PADDED)),
    "mpnet-mlm": lambda: t.MPNetForMaskedLM(t.MPNetConfig(**_PADDED, hidden_act="relu")),
    "mpnet-classifier": lambda: t.MPNetForSequenceClassification(t.MPNetConfig(**_PADDED, **_NAMED)),
    "mpnet-tagger": lambda: t.MPNetForTokenClassification(t.MPNetConfig(**_PADDED, num_labels=4)),
    "mpnet-answers": lambda: t.MPNetForQuestionAnswering(t.MPNetConfig(**_PADDED)),
    "electra": lambda: t.ElectraModel(t.ElectraConfig(**_ELECTRA)),
    "electra-wide": lambda: t.ElectraModel(t.ElectraConfig(**_SIZES, embedding_size=48)),
    "electra-generator": lambda: t.ElectraForMaskedLM(t.ElectraConfig(**_ELECTRA, hidden_act="relu")),
    "electra-generator-untied": lambda: t.ElectraForMaskedLM(t.ElectraConfig(**_ELECTRA, tie_word_embeddings=False)),
    "electra-discriminator": lambda: t.ElectraForPreTraining(t.ElectraConfig(**_ELECTRA)),
    "electra-classifier": lambda: t.ElectraForSequenceClassification(t.ElectraConfig(**_ELECTRA, **_NAMED)),
    "electra-tagger": lambda: t.ElectraForTokenClassification(t.ElectraConfig(**_ELECTRA, num_labels=4)),
    "electra-answers": lambda: t.ElectraForQuestionAnswering(t.ElectraConfig(**_ELECTRA)),
    "modernbert": lambda: t.ModernBertModel(t.ModernBertConfig(**_MODERNBERT)),
    "modernbert-mlm": lambda: t.ModernBertForMaskedLM(t.ModernBertConfig(**_MODERNBERT)),
    "modernbert-mlm-odd": lambda: t.ModernBertForMaskedLM(
        t.ModernBertConfig(
            **_MODERNBERT,
            **_BIASED,
            decoder_bias=False,
            tie_word_embeddings=False,
            hidden_activation="relu",
            classifier_activation="relu",
            layer_types=["sliding_attention", "full_attention", "full_attention"] + ["sliding_attention"] * 2,
            rope_parameters={
                "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 300.0},
            },
        )
    ),
    "modernbert-all-local": lambda: t.ModernBertModel(
        t.ModernBertConfig(**_MODERNBERT, layer_types=["sliding_attention"] * 5)
    ),
    "modernbert-classifier": lambda: t.ModernBertForSequenceClassification(t.ModernBertConfig(**_MODERNBERT, **_NAMED)),
    "modernbert-mean": lambda: t.ModernBertForSequenceClassification(
        t.ModernBertConfig(**_MODERNBERT, **_BIASED, num_labels=1, classifier_pooling="mean")
    ),
    "modernbert-tagger": lambda: t.ModernBertForTokenClassification(t.ModernBertConfig(**_MODERNBERT, num_labels=4)),
    "modernbert-answers": lambda: t.ModernBertForQuestionAnswering(t.ModernBertConfig(**_MODERNBERT)),
}
