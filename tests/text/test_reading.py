"""A text read in chunks has the tokens of the whole, and a large one is never whole in memory."""

import random
import tracemalloc
from itertools import pairwise

import pytest

from eigenlm.errors import DataError
from eigenlm.text.corpus import chunks
from eigenlm.text.pieces import pieces_of
from eigenlm.text.reading import ReadText
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_gguf import tokenizer_from_gguf
from eigenlm.text.tokenizer_training import train_tokenizer

from .conftest import CORPUS

SNIPPETS = [
    *CORPUS,
    "\n",
    "\n\n\n",
    "\r\n",
    "\r",
    " " * 300,
    "\n" * 300,
    "e\u0301\u0323",
    "\n\u0301",
    "\u2028",
    "\x00",
    "\N{ROBOT FACE}\u200d\N{ROBOT FACE}",
    "\u4e2d\u6587\u6ca1\u6709\u7a7a\u683c" * 40,
    "x" * 700,
    "<|endoftext|>",
    "line\nbreak",
    "\n = Title = \n \n  a",
    "don't\n's",
    "12345\n678",
]


def adversarial(seed: int) -> str:
    drawn = random.Random(seed)
    return "".join(drawn.choice(SNIPPETS) + drawn.choice(["", "\n", " ", "\n"]) for _ in range(2500))


def in_parts(text: str, seed: int) -> list[str]:
    drawn = random.Random(seed)
    places = sorted([0, *(drawn.randrange(len(text)) for _ in range(30)), len(text)])
    return [text[start:end] for start, end in pairwise(places)]


@pytest.fixture(
    scope="module", params=["bpe", "wordpiece", "unigram", "character", "word across lines", "smollm2", "minilm"]
)
def tokenizer(request):
    if request.param == "smollm2":
        return tokenizer_from_gguf(request.getfixturevalue("smollm2_metadata"))
    if request.param == "minilm":
        return Tokenizer.load(request.getfixturevalue("minilm"))
    if request.param == "word across lines":
        made = train_tokenizer("bpe", CORPUS, 400)
        made.library.add_tokens(["line\nbreak"])
        return Tokenizer(made.library)
    return train_tokenizer(request.param, CORPUS, 600)


@pytest.mark.parametrize("control", [False, True])
def test_chunks_have_the_tokens_of_the_whole(tokenizer, control):
    text = adversarial(int(control))
    want = tokenizer.encode(text, control=control)
    parts = list(pieces_of(in_parts(text, 0), tokenizer, control=control))
    assert "".join(parts) == text
    assert [i for ids in tokenizer.encode_batch(parts, control=control) for i in ids] == want
    read = ReadText(text, tokenizer, control=control)
    assert list(read) == want
    assert (read.num_bytes, read.num_tokens, read.expected_tokens()) == (len(text.encode()), len(want), len(want))


def test_a_file_is_read_chunk_by_chunk(tmp_path, bpe):
    file = tmp_path / "long.txt"
    file.write_text("the rank of a matrix\n" * 400_000)
    tracemalloc.start()
    num_read = sum(map(len, chunks(file, 1 << 16)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_read == file.stat().st_size
    assert peak < file.stat().st_size / 2


@pytest.mark.parametrize("place", [5, (1 << 20) - 1, (1 << 20) + 7])
def test_a_byte_that_is_no_utf8_is_told_by_its_place_in_the_file(tmp_path, place):
    file = tmp_path / "damaged.txt"
    content = bytearray(b"words\n" * 200_000)
    content[place] = 0xFF
    file.write_bytes(content)
    with pytest.raises(DataError, match=f"byte {place} is not"):
        list(chunks(file, 1 << 16))
