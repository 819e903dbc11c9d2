"""One GGUF file in llama.cpp: logits of every token and a greedy continuation, or an encoder's hidden vectors.

PYTHON -P benchmarks/in_llama_cpp.py MODEL.gguf OUT.npz IDS TOKENS [SOURCE [LORA.gguf]]

IDS and SOURCE (of an encoder-decoder; else null) are JSON lists. PYTHON needs llama-cpp-python and NumPy, and no
eigenlm.
"""

import ctypes
import json
import sys
from collections.abc import Callable, Sequence

import llama_cpp as l
import numpy as np

CONTEXT = 1024
# Keys and values in float32 without flash attention: llama.cpp's default rounds them to float16 (2e-4 to 4e-4).
FLOAT32, NEVER = 0, 0


def said(model: ctypes.c_void_p, key: str) -> str:
    """A value of the file's metadata, empty where there is none."""
    value = ctypes.create_string_buffer(64)
    l.llama_model_meta_val_str(model, key.encode(), value, len(value))
    return value.value.decode()


def opened(path: str) -> tuple[ctypes.c_void_p, ctypes.c_void_p, bool]:
    """The model, its context, and whether it writes texts."""
    wanted = l.llama_model_default_params()
    wanted.use_extra_bufts = False  # weights laid out anew for AMX end the process on some machines (0.3.36)
    model = l.llama_model_load_from_file(path.encode(), wanted)
    if not model:
        sys.exit("llama.cpp does not open the file")
    decodes = said(model, f"{said(model, 'general.architecture')}.attention.causal") != "false"
    params = l.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = CONTEXT
    params.n_threads = params.n_threads_batch = 1
    params.type_k = params.type_v = FLOAT32
    params.flash_attn_type = NEVER
    params.embeddings = not decodes
    params.pooling_type = l.LLAMA_POOLING_TYPE_NONE
    context = l.llama_init_from_model(model, params)
    if not context:
        sys.exit("llama.cpp makes no context")
    return model, context, decodes


def add_adapter(model: ctypes.c_void_p, context: ctypes.c_void_p, path: str) -> None:
    """Add a LoRA adapter at its own scale."""
    adapter = l.llama_adapter_lora_init(model, path.encode())
    if not adapter:
        sys.exit("llama.cpp does not open the adapter")
    adapters, scales = (l.llama_adapter_lora_p_ctypes * 1)(adapter), (ctypes.c_float * 1)(1.0)
    if l.llama_set_adapters_lora(context, adapters, 1, scales) != 0:
        sys.exit("llama.cpp does not take the adapter")


def run(act: Callable, context: ctypes.c_void_p, ids: Sequence[int], first: int) -> None:
    """Compute one text from position `first` on, by `llama_encode` or `llama_decode`."""
    batch = l.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = token, first + i, 1, 0, 1
    if act(context, batch) != 0:
        sys.exit("llama.cpp does not compute the text")
    l.llama_batch_free(batch)


def rows(get: Callable, context: ctypes.c_void_p, count: int, width: int) -> np.ndarray:
    """What it computed for each token."""
    return np.stack([np.ctypeslib.as_array(get(context, i), (width,)).copy() for i in range(count)])


def main() -> None:
    """Compute and write `scores` and `greedy`."""
    path, out, ids, tokens = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
    model, context, decodes = opened(path)
    width = l.llama_vocab_n_tokens(l.llama_model_get_vocab(model)) if decodes else l.llama_model_n_embd(model)
    if len(sys.argv) > 6:
        add_adapter(model, context, sys.argv[6])
    if len(sys.argv) > 5 and (source := json.loads(sys.argv[5])) is not None:
        run(l.llama_encode, context, source, 0)
    if not decodes:
        run(l.llama_encode, context, ids, 0)
        np.savez(out, scores=rows(l.llama_get_embeddings_ith, context, len(ids), width), greedy=[])
        return
    run(l.llama_decode, context, ids, 0)
    scores, greedy = rows(l.llama_get_logits_ith, context, len(ids), width), []
    best = int(scores[-1].argmax())
    while len(greedy) < tokens:
        greedy.append(best)
        run(l.llama_decode, context, [best], len(ids) + len(greedy) - 1)
        best = int(rows(l.llama_get_logits_ith, context, 1, width).argmax())
    np.savez(out, scores=scores, greedy=greedy)


if __name__ == "__main__":
    main()
