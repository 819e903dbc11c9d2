"""Generation against itself: with a cache and without, in a batch and alone, for every family.

python benchmarks/consistency.py [--tokens 24]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch
from record import record

from eigenlm.checkpoint import read_model
from eigenlm.engine import generate
from eigenlm.model import Transformer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "checkpoint"))
import tiny_transformers


def alone_without_cache(model: Transformer, prompt: list[int], tokens: int) -> list[int]:
    """Greedy continuation by running the whole text again for every token."""
    ids = list(prompt)
    for _ in range(tokens):
        ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return ids[len(prompt) :]


def compare(model: Transformer, prompts: list[list[int]], tokens: int) -> dict[str, object]:
    """Whether the tokens are the same, and the largest difference of a logit between stepping and running at once."""
    steps = list(generate(model, prompts, max_tokens=tokens))
    batch = [list(row) for row in zip(*steps)]
    single = [alone_without_cache(model, prompt, tokens) for prompt in prompts]
    # LongRoPE turns all keys anew beyond a length: there `generate` reads the text again, and a bare state does not.
    one_rotation = min(layer.attention.changes_beyond or sys.maxsize for layer in model.config.layers)
    ids = torch.tensor([(prompts[0] + single[0])[:one_rotation]])
    state = model.new_state()
    stepped = torch.cat([model(column, state=state) for column in ids.split(1, dim=1)], dim=1)
    whole = model(ids)
    return {
        "identical tokens": batch == single,
        "largest difference of a logit": float((stepped - whole).abs().max()),
        "relative difference of logits": float((stepped - whole).norm() / whole.norm()),
    }


@torch.no_grad()
def main() -> None:
    """All decoders among the tiny models, and SmolLM2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=24)
    arguments = parser.parse_args()
    figures: dict[str, object] = {"must": "identical tokens; logits <= 1e-5"}
    for name in tiny_transformers.MODELS:
        with tempfile.TemporaryDirectory() as folder:
            tiny_transformers.tiny(name).save_pretrained(folder)
            model = read_model(folder).model
        if model.config.kind == "decoder" and model.config.head is not None:
            tokens = min(arguments.tokens, model.config.context_length - 8)
            figures[name] = compare(model, [[3, 1, 4, 1, 5, 9], [2], [7, 1, 8]], tokens)
    read = read_model("smollm2-135m-instruct")
    prompts = [
        read.tokenizer.encode(text) for text in ("The history of linear algebra", "A matrix", "Once upon a time, in")
    ]
    figures["smollm2-135m-instruct"] = compare(read.model, prompts, arguments.tokens)
    record("consistency", figures)


if __name__ == "__main__":
    main()
