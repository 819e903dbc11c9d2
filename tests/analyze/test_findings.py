import torch

from eigenlm.analyze import analyze
from eigenlm.analyze.findings import findings


def spectrum(*values: float) -> torch.Tensor:
    return torch.diag(torch.tensor(values).float())


def test_the_planted_outliers_are_found():
    weights = {f"blocks.{i}.up": spectrum(1, 1, 1, 1) for i in range(4)}
    weights |= {
        "blocks.1.up": spectrum(100, 1e-3, 1e-3, 1e-3),
        "embedding": spectrum(1, 0.9, 0.8, 1e-9),
    }
    found = {finding.heading: finding for finding in findings(analyze(weights))}
    assert found["Most compressible"].matrix == "blocks.1.up"
    assert "99% of its energy in 1 of 4 directions" in found["Most compressible"].text
    assert found["One direction above all"].matrix == "blocks.1.up"
    assert found["Least like its kind"].matrix == "blocks.1.up"
    assert found["Badly conditioned"].matrix == "embedding"
    assert "2 of 5 have a condition number above" in found["Badly conditioned"].text


def test_a_model_of_orthogonal_matrices_is_well_conditioned_and_not_smaller():
    found = [finding.heading for finding in findings(analyze({f"blocks.{i}.up": torch.eye(6) for i in range(3)}))]
    assert "Well conditioned throughout" in found
    assert "Singular values alone do not shrink this model" in found


def test_matrices_left_out_come_first():
    weights = {f"bad.{i}": torch.full((2, 2), torch.nan) for i in range(5)} | {"good": torch.eye(2)}
    first = findings(analyze(weights))[0]
    assert "5 of 6 were left out: bad.0, bad.1, bad.2 and 2 more." in first.text
    assert findings(analyze({})) == ()
