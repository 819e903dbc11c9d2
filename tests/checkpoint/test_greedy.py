"""Greedy generation of every model that generates, against transformers; cached, alone, and padded on the left."""

import pytest
import tiny_transformers
import torch

from eigenlm.checkpoint import read_model

PROMPTS = ([5, 17, 80, 3, 44, 9, 61], [12, 90, 7])
COUNT = 12  # beyond the windows of 5


def is_generator(name: str) -> bool:
    model = tiny_transformers.MODELS[name]()
    return model.can_generate() and not model.config.is_encoder_decoder and "LM" in type(model).__name__


GENERATORS = [name for name in tiny_transformers.MODELS if is_generator(name)]


@torch.no_grad()
def greedy(model, prompts):
    """Ids that follow each prompt, and the logits that chose them, from a state and a batch padded on the left."""
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    positions = torch.tensor([[-1] * (longest - len(prompt)) + list(range(len(prompt))) for prompt in prompts])
    state, chosen = model.new_state(4), []
    for _ in range(COUNT):
        logits = model(ids, positions=positions, state=state)[:, -1]
        ids, positions = logits.argmax(-1, keepdim=True), positions[:, -1:] + 1
        chosen.append((ids, logits))
    return torch.cat([ids for ids, _ in chosen], dim=1), torch.stack([logits for _, logits in chosen], dim=1)


@pytest.mark.parametrize("name", GENERATORS)
def test_greedy_equals_transformers(name, tmp_path):
    theirs = tiny_transformers.tiny(name)
    theirs.generation_config.eos_token_id = None
    theirs.save_pretrained(tmp_path / "model")
    model = read_model(tmp_path / "model").model
    together, logits = greedy(model, PROMPTS)
    for row, prompt in enumerate(PROMPTS):
        alone, logits_alone = greedy(model, [prompt])
        # float32 sums in another order; measured at most 3e-6 on logits of size about 10
        torch.testing.assert_close(logits_alone[0], logits[row], rtol=0, atol=1e-5)
        with torch.no_grad():
            at_once = model(torch.tensor([prompt + alone[0].tolist()]))[0, len(prompt) - 1 : -1]
        torch.testing.assert_close(at_once, logits_alone[0], rtol=0, atol=1e-5)
        ids = torch.tensor([prompt])
        options = {"do_sample": False, "max_new_tokens": COUNT, "pad_token_id": 0}
        expected = theirs.generate(ids, attention_mask=torch.ones_like(ids), **options)
        assert alone[0].tolist() == expected[0, len(prompt) :].tolist()
    assert together.shape == (len(PROMPTS), COUNT)
