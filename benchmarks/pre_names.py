"""The pre-tokenizers that GGUF files name: ids of odd texts here and in llama.cpp itself, under each of its names.

python benchmarks/pre_names.py --python PYTHON [--strings 800] [--only NAME]

PYTHON is an interpreter that has llama-cpp-python; it need not have anything else. Each name stands in a file of its
own beside one small vocabulary, whose merges were learned across words, so that ids tell where a text was cut.
"""

import argparse
import json
import random
import subprocess
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import gguf
import tokenizers
from record import record
from tokenizers import models, normalizers, pre_tokenizers, trainers

from eigenlm.text.pre_tokenizers import CHARACTERS, NAMES
from eigenlm.text.tokenizer_gguf import tokenizer_from_gguf

BLOCKS = [
    (1, 0x80),
    (0x80, 0x300),
    (0x300, 0x1000),
    (0x1000, 0x3000),
    (0x3000, 0xD800),
    (0xE000, 0x20000),
    (0x20000, 0x110000),
]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
PROGRAM = Path(__file__).with_name("ids_in_llama_cpp.py")
LETTERS = "ab Z'stLldrRvVeEmM\n\r\t 12345½.,<|>!é日́ि  _/-(가ㄱ。…ก中語ΩЖ一𐐀$+~^`IMGчüÜñम한ㅎ🤖"
WORDS = (
    *(
        "IMGIMGABZ",
        "<sentinel:12>",
        "'s",
        "'LL",
        "  ",
        "    ",
        "1234567",
        " 我们",
        "한국어",
        "ကာ",
        "हिन्दी",
        "ПриветМир",
    ),
    *("e\u0301te\u0301", "camelCase", "\r\n", "\n\n\n", " don't", "IsvΩ", "a\u030a", "ไทยได้", "école", " 12,345.67"),
)


def strings(count: int) -> list[str]:
    """Texts in which anything stands beside anything."""
    draw = random.Random(0)
    anywhere = [chr(draw.randrange(*draw.choice(BLOCKS))) for _ in range(3 * count)]
    anywhere = [letter for letter in anywhere if unicodedata.category(letter) != "Cn"]  # not yet in every table
    pieces = [*LETTERS, *WORDS]
    odd = ["".join(draw.choice(pieces) for _ in range(draw.randint(1, 24))) for _ in range(count // 2)]
    pieces = [*pieces, *anywhere]
    return [*odd, *("".join(draw.choice(pieces) for _ in range(draw.randint(1, 16))) for _ in range(count - len(odd)))]


def learned(texts: list[str], *, first: list[str], characters: bool) -> tuple[list[str], list[str]]:
    """Tokens and merges of a vocabulary of bytes or of characters, learned from texts that nothing cuts."""
    made = tokenizers.Tokenizer(models.BPE())
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit() if characters else bytes_only
    made.normalizer = normalizers.Replace(" ", "▁") if first else None
    alphabet = [] if characters else sorted(pre_tokenizers.ByteLevel.alphabet())
    options = {"special_tokens": first, "initial_alphabet": alphabet, "show_progress": False}
    trainer = trainers.BpeTrainer(vocab_size=1600, limit_alphabet=len(first) or 5000, **options)
    made.train_from_iterator(texts, trainer)
    model = json.loads(made.to_str())["model"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return [*sorted(model["vocab"], key=model["vocab"].__getitem__), "<unk>", "<end>"], merges


def metadata(name: str, texts: list[str]) -> dict[str, Any]:
    """What a file of that name says of its tokenizer."""
    spaced = name in CHARACTERS and name != "whitespace"
    tokens, merges = learned(texts, first=BYTES if spaced else [], characters=name in CHARACTERS)
    types = [6 if token in BYTES else 1 for token in tokens[:-2]]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": name,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [*types, 2, 3],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.unknown_token_id": len(tokens) - 2,
        "tokenizer.ggml.bos_token_id": len(tokens) - 1,
        "tokenizer.ggml.eos_token_id": len(tokens) - 1,
    }


def write(path: Path, fields: dict[str, Any]) -> None:
    """A GGUF file without weights."""
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in fields.items():
        if isinstance(value, list):
            writer.add_array(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        else:
            writer.add_uint32(key, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def theirs(python: str, folder: Path, texts: dict[str, list[str]]) -> dict[str, Any]:
    """What llama.cpp gives for every file of a folder."""
    (folder / "texts.json").write_text(json.dumps(texts))
    given = [str(folder), str(folder / "texts.json"), str(folder / "out.json")]
    subprocess.run([python, "-P", str(PROGRAM), *given], check=True, capture_output=True)
    return json.loads((folder / "out.json").read_text())


def main() -> None:
    """Compare and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True)
    parser.add_argument("--strings", type=int, default=800)
    parser.add_argument("--only")
    args = parser.parse_args()
    drawn = strings(args.strings)
    texts = dict.fromkeys([args.only] if args.only else sorted(NAMES), drawn)
    if "whitespace" in texts:  # two blanks in a row end llama.cpp
        texts["whitespace"] = [" ".join(text.split()) for text in drawn]
    fields = {name: metadata(name, texts[name]) for name in texts}
    with tempfile.TemporaryDirectory() as folder:
        for name, values in fields.items():
            write(Path(folder) / f"{name}.gguf", values)
        found = theirs(args.python, Path(folder), texts)
    differ: dict[str, int] = {}
    for name, values in fields.items():
        ours, them = tokenizer_from_gguf(values), found["ids"][name]
        if them is None:
            print(name, "is not known to it")
            continue
        wrong = {text: ids for text, ids in zip(texts[name], them, strict=True) if ours.encode(text) != ids}
        if wrong:
            differ[name] = len(wrong)
            text = min(wrong, key=len)
            print(
                name, len(wrong), repr(text), *(list(map(ours.token, ids)) for ids in (ours.encode(text), wrong[text]))
            )
    print(f"{len(fields) - len(differ)} of {len(fields)} equal")
    if not args.only:
        record(
            "pre_names",
            {
                "peer": found["versions"],
                "names": len(fields),
                "strings": len(drawn),
                "equal": len(fields) - len(differ),
                "strings whose ids differ": differ,
            },
        )


if __name__ == "__main__":
    main()
