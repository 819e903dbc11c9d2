from dataclasses import replace

import torch

from eigenlm.analysis import Analysis, analyze, decompose
from eigenlm.analysis.activations import OutlierChannel
from eigenlm.analysis.curvature import Eigenvalue
from eigenlm.analysis.finding import Finding


def spectrum(*values: float) -> torch.Tensor:
    return torch.diag(torch.tensor(values).float())


def by_heading(analysis: Analysis) -> dict[str, Finding]:
    return {finding.heading: finding for finding in analysis.findings}


def test_the_planted_outliers_are_found():
    weights = {f"blocks.{i}.up": spectrum(1, 1, 1, 1) for i in range(4)}
    weights |= {
        "blocks.1.up": spectrum(100, 1e-3, 1e-3, 1e-3),
        "embedding": spectrum(1, 0.9, 0.8, 1e-9),
    }
    found = by_heading(analyze(weights))
    assert found["Most compressible"].matrix == "blocks.1.up"
    assert "99% of its energy in 1 of 4 directions" in found["Most compressible"].text
    assert found["One direction above all"].matrix == "blocks.1.up"
    assert found["Least like its kind"].matrix == "blocks.1.up"
    assert found["Badly conditioned"].matrix == "embedding"
    assert "2 of 5 have a condition number above" in found["Badly conditioned"].text


def test_a_model_of_orthogonal_matrices_is_well_conditioned_and_not_smaller():
    found = by_heading(analyze({f"blocks.{i}.up": torch.eye(6) for i in range(3)}))
    assert "Well conditioned throughout" in found
    assert "Singular values alone do not shrink this model" in found


def test_matrices_left_out_come_first():
    weights = {f"bad.{i}": torch.full((2, 2), torch.nan) for i in range(5)} | {"good": torch.eye(2)}
    first = analyze(weights).findings[0]
    assert "5 of 6 were left out: bad.0, bad.1, bad.2 and 2 more." in first.text
    assert "4 NaN or infinite of 4" in first.text
    assert Analysis().findings == ()


def test_the_most_telling_comes_first_and_every_matrix_named_exists(seen):
    found = seen.findings
    weights = [finding.weight for finding in found]
    assert weights == sorted(weights, reverse=True)
    assert all(0 <= weight <= 1 for weight in weights)
    names = {matrix.name for matrix in seen.matrices}
    assert {finding.matrix for finding in found} <= names | {None}
    assert {"matrix", "table", "activations", "curvature", "senses"} >= {finding.section for finding in found}
    assert {"activations", "curvature", "senses"} <= {finding.section for finding in found}


def test_noise_is_told_from_what_stands_out_of_it():
    noisy = torch.randn(80, 120, generator=torch.Generator().manual_seed(0))
    weights = {f"blocks.{i}.up": noisy.roll(i, 0) + 2 * (i > 0) for i in range(3)}
    found = by_heading(analyze(weights))["What looks like noise"]
    assert found.matrix == "blocks.0.up"
    assert "it is 100% of the directions, with 100% of the energy" in found.text


def test_alpha_is_not_to_be_read_where_power_laws_are_rejected():
    U, _ = torch.linalg.qr(torch.randn(300, 300, generator=torch.Generator().manual_seed(0)))
    uniform = U @ torch.diag(torch.linspace(1, 2, 300))  # bounded: no power law
    power = U @ torch.diag((1 - torch.arange(300) / 300) ** (-0.5 / 1.5))  # quantiles of lambda^-2.5
    rejected = by_heading(analyze({f"blocks.{i}.up": uniform for i in range(2)}))
    assert "a power law is rejected for 2, supported for 0" in rejected["Read no quality from alpha"].text
    supported = by_heading(analyze({f"blocks.{i}.up": power for i in range(2)}))
    assert "supported for 2" in supported["Most tails are power laws"].text
    assert not {"Read no quality from alpha", "Most tails are power laws"} & set(by_heading(decompose({"up": power})))


def test_a_loud_channel_and_a_head_that_looks_back_are_named(seen):
    inputs = [replace(row, num_outliers=0, outliers=()) for row in seen.activations.linear_inputs]
    loud = OutlierChannel(channel=213, ratio=40.0, energy_share=0.4)
    inputs[3] = replace(inputs[3], num_outliers=1, outliers=(loud,))
    heads = [replace(head, previous_token=0.1, induction=0.0) for head in seen.activations.heads]
    heads[5] = replace(heads[5], previous_token=0.9)
    planted = replace(seen.activations, linear_inputs=tuple(inputs), heads=tuple(heads))
    found = by_heading(replace(seen, activations=planted))
    channel = found["One channel carries much"]
    assert f"Channel 213 carries 40% of the energy of what {inputs[3].name} is given" in channel.text
    assert channel.matrix == inputs[3].name
    head = heads[5]
    assert f"Head {head.head} of layer {head.layer} looks back by one token: 90%" in found["A head with one job"].text


def test_the_sharpest_direction_and_where_the_loss_feels_most(seen):
    blocks = [replace(block, trace_per_param=1.0) for block in seen.curvature.blocks]
    blocks[2] = replace(blocks[2], trace_per_param=50.0)
    bent = replace(
        seen.curvature,
        blocks=tuple(blocks),
        hessian_largest=(Eigenvalue(value=4.0, residual=0.01),),
        hessian_smallest=(Eigenvalue(value=-3.0, residual=0.01),),
    )
    found = by_heading(replace(seen, curvature=bent))
    assert "above 0.5 is thrown off" in found["The sharpest direction"].text
    assert "bends down, by up to 3" in found["The sharpest direction"].text
    assert found["Where the loss feels most"].matrix == blocks[2].name
    assert "50 times" in found["Where the loss feels most"].text
    flat = replace(bent, hessian_smallest=(Eigenvalue(value=-0.001, residual=0.01),))
    assert "bends down" not in by_heading(replace(seen, curvature=flat))["The sharpest direction"].text


def test_senses_that_chance_would_separate_as_well_are_not_claimed(seen):
    told = by_heading(replace(seen, senses=replace(seen.senses, p=0.001)))
    assert "It tells one “bank” from another" in told
    chance = by_heading(replace(seen, senses=replace(seen.senses, p=0.4)))
    assert "beyond chance" in chance["It does not tell one “bank” from another"].text


def test_tiny_matrices_are_no_extremes():
    weights = {f"blocks.{i}.up": torch.eye(40) + i * torch.ones(40, 40) for i in range(2)} | {"pair": torch.eye(2)}
    found = by_heading(analyze(weights))
    assert found["Least compressible"].matrix == "blocks.0.up"
    weights["pair"] = spectrum(1, 1e-3)
    assert by_heading(analyze(weights))["One direction above all"].matrix == "blocks.1.up"
