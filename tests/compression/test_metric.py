"""What a change of a matrix costs, and which types of GGUF are offered for it."""

import pytest
import torch

from eigenlm.compression.actions import Found
from eigenlm.compression.methods import METHODS
from eigenlm.compression.offers import SHRINKAGE, Metric
from eigenlm.linear import DenseLinear

GENERATOR = torch.Generator().manual_seed(5)


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR)


@pytest.mark.parametrize(("rows", "diagonal"), [(7, False), (7, True), (9001, True)])
def test_the_loss_is_half_the_trace_of_both_grams_around_the_change(rows: int, diagonal: bool) -> None:
    x, before = drawn(30, 12), drawn(rows, 12)
    after, C = before + 0.1 * drawn(rows, 12), x.mT @ x / 30
    G = drawn(rows).square() if diagonal else (g := drawn(40, rows)).mT @ g / 40
    D = after.double() - before.double()
    G_D = G.double()[:, None] * D if diagonal else G.double() @ D
    mean = float((G if diagonal else G.diagonal()).double().mean())
    near_G_D = (1 - SHRINKAGE) * G_D + SHRINKAGE * mean * D
    near_C = (1 - SHRINKAGE) * C.double() + SHRINKAGE * C.double().diagonal().mean() * torch.eye(12).double()
    want = float((near_G_D @ near_C * D).sum() / 2)
    assert Metric(C, G).loss(before, after) == pytest.approx(want, rel=1e-10)


@pytest.mark.parametrize(
    ("columns", "offered"),
    [
        (288, ["MXFP4", "IQ4_NL", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]),
        (
            256,
            [
                "IQ2_XXS",
                "IQ2_S",
                "IQ3_XXS",
                "IQ3_S",
                "IQ4_XS",
                "Q4_K",
                "Q4_1",
                "Q5_K",
                "Q5_1",
                "Q6_K",
                "Q8_0",
            ],
        ),
    ],
)
def test_rows_of_whole_blocks_of_256_are_offered_types_of_256_first(columns: int, offered: list[str]) -> None:
    layer, x = DenseLinear.from_dense(drawn(4, columns)), drawn(40, columns)
    metric = Metric(x.mT @ x / 40, torch.eye(4))
    made = METHODS["bits"].offers(layer, Found.of("layer", layer), metric)
    assert [offer.action.label for offer in made] == offered
    assert [offer.bytes for offer in made] == sorted(offer.bytes for offer in made)
    assert made[0].loss > made[-1].loss > 0


@pytest.mark.parametrize("samples", [3, 17, 40])
def test_the_reach_of_a_text_is_the_rank_of_its_inputs_whatever_their_sizes(samples):
    X = torch.randn(samples, 24, generator=torch.Generator().manual_seed(0)) * torch.logspace(-4, 4, 24)
    metric = Metric(X.mT @ X, torch.eye(3))
    assert metric.reach() == min(samples, 24)
