"""Negative log-likelihood against transformers on the same windows of two texts.

python benchmarks/perplexity.py --text wikitext2.valid.txt [--windows 24]
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from peers import transformers_twin
from record import record

import eigenlm
from eigenlm.text.python_documentation import python_documentation


def peer_nll(peer, ids: torch.Tensor, window: int) -> float:
    """Mean nats per token; no token added, the first of each window not scored."""
    total, count = 0.0, 0
    for chunk in ids.split(window):
        if len(chunk) > 1:
            logits = peer(chunk[None]).logits[0, :-1].float()
            total += float(F.cross_entropy(logits, chunk[1:], reduction="sum"))
            count += len(chunk) - 1
    return total / count


@torch.inference_mode()
def main() -> None:
    """Measure both texts in float32."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=24)
    arguments = parser.parse_args()
    lm = eigenlm.load("smollm2-135m-instruct")
    peer = transformers_twin(lm)
    texts = {
        arguments.text.name: arguments.text.read_text(),
        "python documentation": "\n\n".join(document.text for document in python_documentation()),
    }
    figures = {"what": "nll, nats per token, windows of 1024", "must": "relative difference <= 1e-4"}
    for name, text in texts.items():
        ids = lm.tokenizer.encode(text)[: 1024 * arguments.windows]
        ours = eigenlm.perplexity(lm, lm.tokenizer.decode(ids))
        theirs = peer_nll(peer, torch.tensor(lm.tokenizer.encode(lm.tokenizer.decode(ids))), 1024)
        figures[name] = {
            "eigenlm": ours.nll,
            "transformers": theirs,
            "relative_difference": abs(ours.nll - theirs) / theirs,
            "perplexity": ours.perplexity,
            "bits_per_byte": ours.bits_per_byte,
            "tokens": ours.tokens,
        }
    record("perplexity", figures)


if __name__ == "__main__":
    main()
