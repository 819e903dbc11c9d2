"""What every attention kind owes, whichever is registered: a kind in `AttentionConfig.kinds` is tested here."""

import dataclasses

import pytest
import torch

from eigenlm.attention import AttentionConfig, DecodingState, Place
from eigenlm.config import from_dict, to_dict
from eigenlm.errors import ConfigError
from eigenlm.norms import NormConfig

D, T = 24, 13
# The fields without a default that a kind may ask for; a new one asks for its own here.
SIZES = {"num_heads": 4, "num_kv_heads": 2, "head_dim": 6}
KINDS = sorted(AttentionConfig.kinds)


def config_of(kind: str) -> AttentionConfig:
    cls = AttentionConfig.kinds[kind]
    return cls(**{field.name: SIZES[field.name] for field in dataclasses.fields(cls) if field.name in SIZES})


def layer_of(kind: str) -> torch.nn.Module:
    torch.manual_seed(0)
    layer = config_of(kind).build(D, NormConfig(kind="rms")).double().eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    return layer


def tokens(rows: int = 2) -> torch.Tensor:
    return torch.randn(rows, T, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def plain_place(rows: int, *, causal: bool) -> Place:
    return Place(torch.arange(T).expand(rows, T), causal=causal, num_keys=T)


def empty_state(layer: torch.nn.Module) -> DecodingState:
    return DecodingState([layer.new_state(4)], [])


@pytest.mark.parametrize("kind", KINDS)
def test_config_survives_json_and_says_its_kind(kind):
    config = config_of(kind)
    values = to_dict(config)
    assert values["kind"] == kind
    assert from_dict(AttentionConfig, values) == config


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_future_changes_nothing_before_it_to_the_bit(kind):
    layer, x = layer_of(kind), tokens()
    before = layer(x, plain_place(2, causal=True))
    changed = x.clone()
    changed[:, 7:] += 3.0
    after = layer(changed, plain_place(2, causal=True))
    assert torch.equal(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 7:], after[:, 7:])


@pytest.mark.parametrize("pieces", [[1] * T, [5, 1, 4, 3]], ids=["one by one", "in pieces"])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_step_by_step_equals_all_at_once(kind, pieces):
    layer, x = layer_of(kind), tokens()
    state = empty_state(layer)
    steps = []
    for piece in x.split(pieces, dim=1):
        place = state.follow(2, piece.shape[1], x.device, causal=True)
        steps.append(layer(piece, place, state.layers[0]))
    want = layer(x, plain_place(2, causal=True))
    torch.testing.assert_close(torch.cat(steps, dim=1), want, rtol=1e-10, atol=1e-10)  # float64, other sums


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_padding_changes_nothing_real(kind, causal):
    layer, x = layer_of(kind), tokens(1)
    want = layer(x, plain_place(1, causal=causal))
    padded = torch.cat([torch.full((1, 3, D), 7.0, dtype=x.dtype), x], dim=1)
    positions = torch.tensor([[-1, -1, -1, *range(T)]])
    place = Place(positions, causal=causal, key_positions=positions, num_keys=T + 3)
    torch.testing.assert_close(layer(padded, place)[:, 3:], want, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_documents_do_not_see_one_another(kind):
    layer, x = layer_of(kind), tokens(1)
    first, second = 5, T - 5
    positions = torch.tensor([[*range(first), *range(second)]])
    documents = torch.tensor([[0] * first + [1] * second])
    together = layer(x, Place(positions, causal=True, documents=documents, key_positions=positions, num_keys=T))
    alone = [
        layer(part, Place(torch.arange(part.shape[1])[None], causal=True, num_keys=part.shape[1]))
        for part in x.split([first, second], dim=1)
    ]
    torch.testing.assert_close(together, torch.cat(alone, dim=1), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_learns(kind):
    layer = layer_of(kind).train()
    layer(tokens(), plain_place(2, causal=True)).square().sum().backward()
    assert [name for name, p in layer.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'sliding_window'"):
        from_dict(AttentionConfig, {"kind": "sliding-windows", **SIZES})
