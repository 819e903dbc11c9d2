"""Vectors of a word in its sentences: transformers' hidden states, tokens found by their places in the text."""

from pathlib import Path

import pytest
import torch
import transformers

import eigenlm
from eigenlm.errors import DataError
from eigenlm.vectors.contextual.occurrences import occurrences
from tests.tiny_sentence_encoder import tiny_sentence_encoder

LINES = [
    "The bank near the river, a new Bank of mud.",
    "no such word",
    "Old money in the bank.",
    "the banks of the river",
    "bank " * 60,
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "encoder"
    return tiny_sentence_encoder(folder), folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


def theirs(encoder, line: str, first: int, end: int) -> torch.Tensor:
    """The mean of transformers' hidden states over the tokens whose offsets lie in the word, layer by layer."""
    model, folder = encoder
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    row = tokenizer(line, return_tensors="pt", return_offsets_mapping=True)
    offsets = row.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        states = model(**row, output_hidden_states=True).hidden_states
    own = [i for i, (a, b) in enumerate(offsets) if first <= a < b <= end]
    assert len(own) == 2  # `ban`, `##k`
    return torch.stack([layer[0, own].mean(0) for layer in states])


def test_vectors_are_the_hidden_states_of_transformers_after_every_layer(encoder, text):
    lm = eigenlm.load(encoder[1], device="cpu")
    found = occurrences(lm, "bank", text, most=100, seed=0)
    assert [(place.source, place.word) for place in found.places] == [
        (f"{text}:1", "bank"),
        (f"{text}:1", "Bank"),
        (f"{text}:3", "bank"),
    ]
    assert found.pieces == [("ban", "##k")] * 3
    right = torch.stack([theirs(encoder, p.text, p.first, p.end) for p in found.places], dim=1)
    torch.testing.assert_close(found.vectors, right.float(), rtol=0, atol=1e-5)  # float32 sums in another order
    table = encoder[0].embeddings.word_embeddings.weight.float()
    static = table[[lm.tokenizer.id("ban"), lm.tokenizer.id("##k")]].mean(0)
    torch.testing.assert_close(found.static, static.expand(3, -1), rtol=0, atol=1e-6)


def test_other_words_are_those_of_the_same_lines(encoder, text):
    found = occurrences(eigenlm.load(encoder[1], device="cpu"), "bank", text, most=100, seed=0)
    first = LINES[0].replace(",", "").replace(".", "").split()
    assert [place.word for place in found.others] == [word for word in first if word.lower() != "bank"] + [
        "Old",
        "money",
        "in",
        "the",
    ]
    assert found.other_vectors.shape == (4, len(found.others), 48)
    place = found.others[3]
    assert (place.text, place.word) == (LINES[0], "river")


def test_lines_are_counted_and_those_too_long_left_out(encoder, text):
    lm = eigenlm.load(encoder[1], device="cpu")
    found = occurrences(lm, "bank", text, most=100, seed=0)
    assert (found.num_lines, found.num_left_out, found.num_places, len(found.places)) == (5, 1, 63, 3)
    some = occurrences(lm, "bank", text, most=63 // 3, seed=0)
    assert [place.source.rpartition(":")[2] for place in some.places] == ["1"]  # every third of the places


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("rank", "expected it, as a whole word, got none in 5 lines"),
        ("ban", "none in 5 lines"),
        ("", "none in 5 lines"),
    ],
)
def test_a_word_that_is_not_there_is_told(encoder, text, word, line):
    with pytest.raises(DataError, match=line):
        occurrences(eigenlm.load(encoder[1], device="cpu"), word, text, most=100, seed=0)


def test_a_word_that_is_only_where_the_model_cannot_read_is_told(encoder, tmp_path):
    (tmp_path / "long.txt").write_text("bank " * 60)
    with pytest.raises(DataError, match="only in lines that the model cannot read whole"):
        occurrences(eigenlm.load(encoder[1], device="cpu"), "bank", tmp_path / "long.txt", most=100, seed=0)
