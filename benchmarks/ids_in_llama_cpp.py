"""Ids that llama.cpp gives to texts under each of several vocabularies.

PYTHON -P benchmarks/ids_in_llama_cpp.py FOLDER TEXTS.json OUT.json

FOLDER holds GGUF files that need have no weights; TEXTS.json has the texts for each by its name. PYTHON needs
llama-cpp-python, and no eigenlm.
"""

import ctypes
import json
import sys
from pathlib import Path

import llama_cpp as l


def ids_of(vocab: ctypes.c_void_p, text: str) -> list[int]:
    """Ids of a text in which no control token is looked for."""
    spelled = text.encode()
    ids = (l.llama_token * (2 * len(spelled) + 8))()
    count = l.llama_tokenize(vocab, spelled, len(spelled), ids, len(ids), False, False)
    return list(ids[:count])


def main() -> None:
    """Write {name of a file: ids of every text, or None where llama.cpp does not open it}."""
    folder, texts, out = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3])
    params = l.llama_model_default_params()
    params.vocab_only = True
    found = {}
    for path in sorted(folder.glob("*.gguf")):
        model = l.llama_model_load_from_file(str(path).encode(), params)
        vocab = model and l.llama_model_get_vocab(model)
        found[path.stem] = [ids_of(vocab, text) for text in texts[path.stem]] if model else None
        if model:
            l.llama_model_free(model)
    version = {"llama_cpp_python": l.__version__}
    out.write_text(json.dumps({"versions": version, "ids": found}))


if __name__ == "__main__":
    main()
