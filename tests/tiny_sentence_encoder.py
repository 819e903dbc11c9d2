"""A tiny random BERT, as transformers has it, in the folder of a sentence encoder."""

import json
from pathlib import Path

import torch
import transformers

WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", ":", "query", "passage"),
    *("the", "a", "rank", "of", "matrix", "ban", "##k", "river", "money", "near", "new", "in", "old", "water", "loan"),
    *("fish", "rate", "tree", "safe", "stone", "debt", "boat", "coin", "mud", "cash", "reed", "gold", "dam", "bill"),
]


def tiny_sentence_encoder(folder: Path, *, length: int = 14, **about: object) -> transformers.BertModel:
    """Write the folder, mean pooling and vectors of length 1; the model itself is given back in float64."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    sizes = {"hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 3}
    config = transformers.BertConfig(vocab_size=len(WORDS), max_position_embeddings=40, **sizes)
    config.initializer_range = 0.3  # attention that looks somewhere
    model = transformers.BertModel(config).eval()
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    files: dict[str, object] = {
        "tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "model_max_length": length},
        "modules.json": [
            {"path": path, "type": f"sentence_transformers.models.{kind}"}
            for kind, path in (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
        ],
        "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": length},
        "config_sentence_transformers.json": about,
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return model.double()
