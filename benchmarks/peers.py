"""The same weights in a peer's hands."""

import tempfile
from typing import Any

from eigenlm import LanguageModel, checkpoint


def transformers_twin(lm: LanguageModel) -> Any:
    """The model as transformers runs it, through a Hugging Face folder written by us."""
    from transformers import AutoModel, AutoModelForCausalLM

    auto = AutoModelForCausalLM if lm.config.head is not None else AutoModel
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.write_hugging_face(f"{folder}/model", lm.model, tokenizer=lm.tokenizer)
        return auto.from_pretrained(f"{folder}/model").eval()
