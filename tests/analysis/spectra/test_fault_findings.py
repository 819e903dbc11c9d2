"""A model made for each fault, and real models, which have none of them."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from eigenlm.analysis import Analysis, analyze
from eigenlm.analysis.spectra import MatrixSpectrum, spectra, spectrum_of
from eigenlm.analysis.spectra.entries import entries
from eigenlm.analysis.spectra.fault_findings import fault_findings
from eigenlm.analysis.spectra.noise import noise
from eigenlm.checkpoint import open_matrices
from eigenlm.linalg.by_blocks import ByBlocks


def trained(layers: int = 3) -> dict[str, torch.Tensor]:
    """Matrices with what training leaves: some directions far above the noise."""
    g = torch.Generator().manual_seed(0)

    def matrix() -> torch.Tensor:
        return torch.randn(24, 40, generator=g) + 4 * torch.randn(24, 3, generator=g) @ torch.randn(3, 40, generator=g)

    return {f"blocks.{i}.{kind}.weight": matrix() for i in range(layers) for kind in ("query", "key", "up", "down")}


def look(W: torch.Tensor | ByBlocks, name: str, storage: str | None) -> MatrixSpectrum:
    """A spectrum and its noise, without the power law, which takes most of the time."""
    row = spectrum_of(W, name, storage)
    return replace(row, noise=noise(W, row.singular_values))


def faults(weights: dict[str, torch.Tensor]) -> dict[str, str]:
    return {finding.heading: finding.text for finding in fault_findings(spectra(weights, look=look))}


def changed(**tensors: torch.Tensor) -> dict[str, torch.Tensor]:
    return trained() | {name.replace("_", ".") + ".weight": tensor for name, tensor in tensors.items()}


def test_a_healthy_model_has_no_fault():
    assert faults(trained()) == {}


def test_matrices_of_zeros_and_of_one_number_are_named():
    told = faults(changed(blocks_1_up=torch.zeros(24, 40), blocks_2_key=torch.full((24, 40), -0.3)))
    assert list(told) == ["Matrices of zeros", "Matrices of one number"]
    assert "blocks.1.up" in told["Matrices of zeros"]
    assert "blocks.2.key" in told["Matrices of one number"]


def test_numbers_that_are_not_finite_are_counted_in_matrices_and_vectors():
    bad = trained()["blocks.1.up.weight"]
    bad[0, :3], bad[1, 0] = torch.nan, torch.inf
    weights = changed(blocks_1_up=bad) | {
        "norm.weight": torch.tensor([1.0, -torch.inf, 1.0]),
        "scale": torch.tensor(1.0),
        "order": torch.arange(3),
        "elsewhere": torch.empty(3, device="meta"),
    }
    found = spectra(weights, look=look)
    (finding,) = fault_findings(found)
    assert finding.heading == "NaN or infinite numbers in 2 tensors"
    assert finding.text.startswith(
        "1 of 12 was left out: blocks.1.up. blocks.1.up holds 4 NaN or infinite of 960 numbers"
    )
    assert "norm (1 of 3)" in finding.text
    first, second = sorted(found.entries, key=lambda one: -one.num_not_finite)[:2]
    assert (first.num_nan, first.num_infinite, second.num_infinite) == (3, 1, 1)
    assert len(found.matrices) == 11  # the others are looked at all the same


def test_a_model_of_nothing_but_nan_is_told():
    found = analyze({"w": torch.full((3, 3), torch.nan)})
    assert "9 NaN or infinite of 9 numbers" in found.findings[0].text
    assert len(found) == 0


def test_models_and_layers_before_training_are_told():
    g = torch.Generator().manual_seed(1)
    new = {name: torch.empty(24, 40).uniform_(-1, 1, generator=g) for name in trained()}
    assert "In 12 of 12 matrices" in faults(new)["This model looks untrained"]
    layer = {name: tensor for name, tensor in new.items() if ".2." in name}
    assert "In all matrices of layer 2 " in faults(trained() | layer)["A layer looks untrained"]
    head = {"head.weight": torch.randn(24, 40, generator=g)}
    assert faults(trained() | head) == {}


@pytest.mark.parametrize("factor", [7e4, 1e30])
def test_numbers_beyond_16_bits_are_told(factor: float):
    large = trained()["blocks.0.key.weight"].clone()
    large[3, 4] = factor
    assert not torch.isfinite(large.half()).all()
    told = faults(changed(blocks_0_key=large))
    assert (
        f"blocks.0.key become infinite in float16, which ends at 65,504: the largest is {float(large[3, 4]):,.0f}"
        in (told["Too large for 16 bits"])
    )
    assert torch.tensor(65519.0).half().isfinite()
    large[3, 4] = 65519.0
    assert "Too large for 16 bits" not in faults(changed(blocks_0_key=large))


def test_numbers_that_16_bits_round_away_are_told():
    small = trained()["blocks.0.key.weight"] * 1e-8
    lost = (small.half() == 0).float().mean()
    assert lost > 0.01
    assert "blocks.0.key" in faults(changed(blocks_0_key=small))["Too small for 16 bits"]
    one = entries(small, "w")
    errors = ((small.half().double() - small.double()) / small.double()).abs()
    assert one.float16_error == pytest.approx(errors.mean().item(), rel=1e-4)  # quotients in float32


def test_layers_that_are_copies_are_told():
    weights = trained()
    weights |= {f"blocks.2.{kind}.weight": weights[f"blocks.1.{kind}.weight"].clone() for kind in ("query", "up")}
    assert faults(weights) == {
        "Layers that are copies": "2 matrices repeat another of its kind number by number: blocks.2.query is"
        " blocks.1.query and blocks.2.up is blocks.1.up."
    }
    twice = trained()
    assert faults(twice | {"head.weight": twice["blocks.0.up.weight"].clone()}) == {}  # another kind: tied, say


def test_faults_come_before_all_other_findings():
    found = Analysis(spectra=spectra(changed(blocks_1_up=torch.zeros(24, 40)), look=look))
    findings = found.findings
    assert findings[0].heading == "Matrices of zeros"
    assert Analysis().findings == ()


@pytest.mark.parametrize("model", ["minilm-l6-v2", "smollm2-135m-instruct"])
def test_real_models_have_none(model: str):
    tensors = open_matrices(model)
    some = [name for name in tensors if ".5.attention" in name or "norm" in name or "pooler" in name]
    assert len(some) > 9
    assert faults({name: tensors[name] for name in some}) == {}


def test_what_is_read_by_blocks_is_the_same(tiny_model):
    for name, tensor in load_file(tiny_model / "model.safetensors").items():
        if tensor.ndim == 2:
            blocks = ByBlocks((tensor.shape[0], tensor.shape[1]), tensor.__getitem__)
            assert entries(blocks, name) == entries(tensor, name)
