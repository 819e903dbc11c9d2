"""Where heads look: against loops over probabilities, and for heads that are built to look somewhere."""

import dataclasses
import math

import pytest
import torch

from eigenlm.analysis.activations import activations, head_kind
from eigenlm.analysis.activations.heads import AttentionSums
from eigenlm.analysis.activations.induction import induction_scores
from eigenlm.attention import Visibility
from eigenlm.attention.naive import attention_weights
from eigenlm.model import SoftmaxConfig, Transformer
from eigenlm.observe import watch_attention
from tests.model.test_transformer import BERT, LLAMA, WINDOWED, build, ids

WINDOWS = ids(3, 9, seed=3)


def means_by_loops(weights_BHTS, visible_TS, head):
    """The fields of a head, one query and one key at a time."""
    sums = dict.fromkeys(["entropy", "relative_entropy", "first_token", "previous_token", "self_token", "local"], 0.0)
    following, count = [], 0
    for weights_HTS in weights_BHTS:
        T = weights_HTS.shape[1]
        for t in range(1, T):
            p = weights_HTS[head, t].tolist()
            entropy = -sum(value * math.log(value) for value in p if value > 0)
            sums["entropy"] += entropy
            sums["relative_entropy"] += entropy / math.log(int(visible_TS[t].sum()))
            sums["first_token"] += p[0]
            sums["previous_token"] += p[t - 1]
            sums["self_token"] += p[t]
            sums["local"] += sum(p[max(0, t - 4) : t + 1])
            if t + 1 < T:
                following.append(p[t + 1])
            count += 1
    return {field: value / count for field, value in sums.items()} | {"next_token": sum(following) / len(following)}


@pytest.mark.parametrize("config", [LLAMA, WINDOWED, BERT], ids=["decoder", "windowed", "encoder"])
def test_heads_equal_loops_over_probabilities(config):
    model, stored = build(config), {}

    def keep(n, query, key, visible, _):
        stored.setdefault(n, []).append(attention_weights(query.double(), key.double(), visible).detach())

    with watch_attention(model, keep):
        for window in WINDOWS:
            model(window[None])
    heads = activations(model, WINDOWS).heads
    assert [(head.layer, head.head, head.kv_head) for head in heads] == [
        (n, h, h // 2) for n in range(2) for h in range(4)
    ]
    for head in heads:
        weights_BHTS = torch.cat(stored[head.layer])
        for field, value in means_by_loops(weights_BHTS, weights_BHTS[0, 0] > 0, head.head).items():
            if field == "next_token" and config.kind == "decoder":
                assert head.next_token is None
            else:
                assert getattr(head, field) == pytest.approx(value, abs=1e-5), field  # float32


def uniform_at(places, T, K=16):
    """Queries and keys of one head such that query t looks at key `places[t]` alone."""
    keys = torch.eye(T, max(T, K))
    return 1e3 * keys[places][None, :, None], keys[None, :, None]


@pytest.mark.parametrize(
    ("places", "causal", "kind"),
    [
        ([0, 0, 1, 2, 3, 4, 5, 6, 7, 8], True, "previous token"),
        ([0] * 10, True, "sink"),
        (list(range(10)), True, "self"),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 9], False, "next token"),
        ([0, 0, 0, 1, 2, 3, 4, 5, 6, 7], True, "local"),
        ([9, 9, 9, 9, 9, 9, 9, 9, 3, 3], False, "mixed"),
    ],
)
def test_kinds_of_built_heads(places, causal, kind):
    sums = AttentionSums(causal=causal)
    query, key = uniform_at(places, 10)
    sums.see(0, query, key, Visibility(causal=causal))
    (head,) = sums.rows(None)
    assert head.kind == kind
    assert head.entropy == pytest.approx(0, abs=1e-6)


def test_a_head_without_preference_is_broad():
    sums = AttentionSums(causal=True)
    sums.see(0, torch.zeros(1, 48, 2, 4), torch.zeros(1, 48, 1, 4), Visibility(causal=True))
    for head in sums.rows(None):
        assert head.kind == "broad"
        assert head.relative_entropy == pytest.approx(1)
        assert head.first_token == pytest.approx(sum(1 / t for t in range(2, 49)) / 47)


def test_windows_of_two_tokens_have_no_next():
    sums = AttentionSums(causal=False)
    sums.see(0, torch.zeros(1, 2, 1, 4), torch.zeros(1, 2, 1, 4), Visibility())
    (head,) = sums.rows(None)
    assert (head.previous_token, head.self_token, head.next_token) == (0.5, 0.5, 0.0)


def test_what_a_head_looks_for_is_asked_before_where_it_rests():
    assert head_kind({"induction": 0.41, "sink": 0.9}, 0.1) == "induction"
    assert head_kind({"induction": 0.39, "sink": 0.9}, 0.1) == "sink"


def induction_model():
    """Two layers that do induction with one head each: a previous-token head, then one that matches what it wrote.

    The stream holds the token's one-hot code, the code that the first layer copies from the token before, and the
    one-hot code of the position.
    """
    V, T = 12, 24
    D = 2 * V + T
    config = dataclasses.replace(
        LLAMA.with_layers(
            lambda layer: dataclasses.replace(
                layer, attention=SoftmaxConfig(num_heads=1, num_kv_heads=1, head_dim=D), norm_position="pre"
            )
        ),
        vocab_size=V,
        context_length=T,
        d_model=D,
        positions=dataclasses.replace(LLAMA.positions, kind="learned"),
    )
    model = Transformer(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        for part in model.modules():
            if type(part).__name__ == "RMSNorm":
                part.weight.fill_(1.0)
        model.embedding.token.weight[:, :V] = torch.eye(V)
        model.embedding.position.weight[:, 2 * V :] = torch.eye(T)
        token, copied, place = slice(0, V), slice(V, 2 * V), slice(2 * V, D)
        first, second = model.blocks[0].attention, model.blocks[1].attention
        first.query.weight[place, place] = 100 * torch.eye(T).roll(-1, dims=0)  # place t asks for place t - 1
        first.key.weight[place, place] = torch.eye(T)
        first.value.weight[token, token] = torch.eye(V)
        first.output.weight[copied, token] = torch.eye(V)
        second.query.weight[token, token] = 100 * torch.eye(V)
        second.key.weight[token, copied] = torch.eye(V)
    return model


def test_an_induction_head_is_found_in_the_layer_that_has_it():
    model = induction_model()
    scores = induction_scores(model)
    assert {layer: len(of_heads) for layer, of_heads in scores.items()} == {0: 1, 1: 1}
    # Position 0 has none before it: the first layer copies it to itself, so that one of twelve tokens is ambiguous.
    assert scores[1][0] > 0.85
    assert scores[0][0] < 0.1
    kinds = [head.kind for head in activations(model, torch.stack([torch.randperm(12) for _ in range(4)])).heads]
    assert kinds == ["previous token", "induction"]


def test_a_context_of_three_has_no_room_for_induction():
    model = build(dataclasses.replace(LLAMA, context_length=3))
    assert induction_scores(model) is None
    assert {head.induction for head in activations(model, ids(2, 3)).heads} == {None}
