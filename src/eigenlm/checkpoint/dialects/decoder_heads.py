"""Heads of language models in Hugging Face's format: which of a family's two classes a file is of."""

from collections.abc import Callable
from typing import Any

from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.keys import Refusal
from eigenlm.checkpoint.dialects.layers import vocabulary_of
from eigenlm.model import TransformerConfig


def _tied_as_said(file: FileReading) -> dict[str, Any]:
    return {"head.tied": file.values["tie_word_embeddings"]}


def language_head(
    class_name: str, *endings: str, fields: Callable[[FileReading], dict[str, Any]] = _tied_as_said
) -> FamilyPart:
    """The head that the class in `architectures` has.

    Args:
        class_name: what the family's classes begin with, such as `Llama`.
        endings: what ends those with a head, the one that is written first; `ForCausalLM` where there are none.
        fields: our fields of the head.
    """
    endings = endings or ("ForCausalLM",)
    with_head, without = f"{class_name}{endings[0]}", f"{class_name}Model"

    def read(file: FileReading) -> dict[str, Any]:
        architecture = (file.values.get("architectures") or [with_head])[0]
        if architecture.endswith(endings):
            return fields(file)
        if architecture.endswith("Model"):
            return {"head": None}
        raise Refusal(f"a causal language model or the model below it, {with_head} or {without}", architecture)

    def write(config: TransformerConfig) -> dict[str, Any]:
        head = vocabulary_of(config)
        tied = head is None or head.tied
        return {"architectures": [without if head is None else with_head], "tie_word_embeddings": tied}

    return FamilyPart(read, write)
