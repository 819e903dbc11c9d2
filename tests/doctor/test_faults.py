"""The experiments must see a fault that is there and none where the operation is right."""

import pytest
import torch
import torch.nn.functional as F

from eigenlm.doctor import faults

PROBES = {probe.experiment.__name__: probe for probe in faults._PROBES}


def loss(x, W, target, options=None, error=0.0):
    return F.cross_entropy(F.linear(x, W).float(), target) * (1 - error)


@pytest.mark.parametrize(("error", "present"), [(0.0, False), (0.06, True)])
def test_chunked_loss_is_judged_by_its_value(monkeypatch, error: float, present: bool) -> None:
    monkeypatch.setattr(F, "linear_cross_entropy", lambda *a, **k: loss(*a, **k, error=error))
    assert faults._try(PROBES["_chunked_loss"]).present is present


def test_an_operation_this_torch_lacks_is_neither(monkeypatch) -> None:
    monkeypatch.delattr(F, "linear_cross_entropy", raising=False)
    assert faults._try(PROBES["_chunked_loss"]).present is None


@pytest.mark.parametrize(("lse", "present"), [(0.0, True), (-torch.inf, False)])
def test_empty_row_is_judged_by_its_log_sum_exp(monkeypatch, lse: float, present: bool) -> None:
    fake = type(
        "aten", (), {"_scaled_dot_product_flash_attention_for_cpu": lambda q, k, v, attn_mask: (q, lse * torch.ones(4))}
    )
    monkeypatch.setattr(torch.ops, "aten", fake)
    assert faults._try(PROBES["_empty_row"]).present is present


def test_row_variance_is_judged_by_the_gap(monkeypatch) -> None:
    monkeypatch.setattr(F, "linear", lambda x, W: (x.double() @ W.double().mT).round(decimals=3))
    assert faults._try(PROBES["_row_variance"]).present is False


def test_probing_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    found = faults.probe_faults()
    assert torch.equal(torch.rand(2), expected)
    assert len(found) == len(PROBES)
    assert all(fault.instead for fault in found)
