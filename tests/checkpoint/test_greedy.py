"""Greedy generation, against transformers and against ourselves in other company."""

import pytest
import tiny_transformers
import torch

from eigenlm.checkpoint import read_model
from eigenlm.engine import generate

DECODERS = [name for name in tiny_transformers.MODELS if not name.startswith("bert") and "headless" not in name]
STEPS = 12


def rows(model, prompts):
    steps = list(generate(model, prompts, max_tokens=STEPS))
    return [list(row) for row in zip(*steps)]


@pytest.mark.parametrize("name", DECODERS)
def test_tokens_are_those_of_transformers_alone_and_in_a_batch(name, tmp_path):
    theirs = tiny_transformers.tiny(name)
    theirs.save_pretrained(tmp_path)
    theirs.generation_config.eos_token_id = None
    model = read_model(tmp_path).model
    long, short = tiny_transformers.ids()[0], tiny_transformers.ids()[1, :7]
    expected = []
    for prompt in (long, short):
        batch = prompt[None]
        answer = theirs.generate(batch, attention_mask=torch.ones_like(batch), max_new_tokens=STEPS, do_sample=False)
        expected.append(answer[0, len(prompt) :].tolist())
    assert rows(model, [long.tolist()]) == expected[:1]
    assert rows(model, [long.tolist(), short.tolist()]) == expected
    without_cache = short.tolist()
    with torch.no_grad():
        for _ in range(STEPS):
            without_cache.append(int(model(torch.tensor([without_cache]))[0, -1].argmax()))
    assert without_cache[len(short) :] == expected[1]
