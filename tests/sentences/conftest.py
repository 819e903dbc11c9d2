"""A tiny sentence encoder with prompts for queries and passages, and a folder of small texts."""

from pathlib import Path

import pytest

import eigenlm
from eigenlm.language_model import LanguageModel
from tests.tiny_sentence_encoder import tiny_sentence_encoder

TEXTS = {
    "river.txt": "The old bank of the river.\nWater near the stone, mud in the reed.\n\n\nA boat, a fish.\n",
    "deep/money.md": "Money in the bank.\n\nThe rate of the loan is new.\n\n"
    + "The cash, the gold, the coin. " * 6
    + "\n",
    "rows.jsonl": '{"text": "A tree near the dam."}\n{"text": ""}\n{"text": "The matrix of a new rank."}\n',
    "empty.txt": "",
}


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "encoder"
    tiny_sentence_encoder(folder, length=24, prompts={"query": "query : ", "passage": "passage : "})
    return folder


@pytest.fixture(scope="session")
def lm(encoder_folder: Path) -> LanguageModel:
    return eigenlm.load(encoder_folder, device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "texts"
    for name, text in TEXTS.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    return place
