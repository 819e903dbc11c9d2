"""What the tour shows of a sentence, against transformers on the same files."""

from pathlib import Path

import pytest
import torch
import transformers

from eigenlm.language_model import load
from eigenlm.tour.inside import Inside, look_inside

SENTENCE = "the token and the vector and the"


@pytest.fixture(scope="module")
def seen(tiny_model: Path) -> Inside:
    return look_inside(load(tiny_model, device="cpu"), SENTENCE)


@pytest.fixture(scope="module")
def peer(tiny_model: Path, seen: Inside) -> transformers.utils.ModelOutput:
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(seen.ids[None], output_attentions=True, output_hidden_states=True)


def test_attention_is_that_of_transformers(seen: Inside, peer: transformers.utils.ModelOutput) -> None:
    # float32 rounding of a softmax over a few keys
    torch.testing.assert_close(seen.weights, peer.attentions[seen.layer][0, seen.head], atol=1e-6, rtol=1e-5)


def test_embedding_and_logits_are_those_of_transformers(seen: Inside, peer: transformers.utils.ModelOutput) -> None:
    torch.testing.assert_close(seen.embedding, peer.hidden_states[0][0])
    torch.testing.assert_close(seen.logits, peer.logits[0, -1], atol=1e-5, rtol=1e-5)  # float32, two layers
    probabilities = peer.logits[0, -1].softmax(-1)
    for (token, probability), expected in zip(seen.likeliest(3), probabilities.topk(3).indices.tolist()):
        assert token == expected
        assert probability == pytest.approx(probabilities[token].item(), rel=1e-4)


def test_the_head_is_the_one_that_continues_repetitions(seen: Inside, peer: transformers.utils.ModelOutput) -> None:
    ids = seen.ids.tolist()
    pairs = [(t, j) for t in range(len(ids)) for j in range(1, t + 1) if ids[j - 1] == ids[t]]
    assert pairs
    scores = {
        (layer, head): sum(weights[0, head, t, j].item() for t, j in pairs)
        for layer, weights in enumerate(peer.attentions)
        for head in range(weights.shape[1])
    }
    assert (seen.layer, seen.head) == max(scores, key=scores.__getitem__)
