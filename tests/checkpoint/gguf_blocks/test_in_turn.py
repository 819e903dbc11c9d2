"""Rows that make up for nothing in each other, rounded some at a time."""

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType

from eigenlm.checkpoint.gguf_blocks import encode_in_turn, in_turn
from eigenlm.linalg.error_feedback import feedback


@pytest.mark.parametrize("name", ["MXFP4", "Q4_1", "Q5_0"])
def test_how_many_rows_are_rounded_at_once_changes_no_byte(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = torch.Generator().manual_seed(0)
    W, x = torch.randn(37, 64, generator=draw), torch.randn(100, 64, generator=draw)
    given = feedback(x.mT @ x / 100), feedback(torch.rand(37, generator=draw) + 0.1)
    whole = encode_in_turn(W, *given, GGMLQuantizationType[name])
    monkeypatch.setattr(in_turn, "_ROWS", 5)
    assert np.array_equal(encode_in_turn(W, *given, GGMLQuantizationType[name]), whole)
    alone = [encode_in_turn(row[None], *given, GGMLQuantizationType[name]) for row in W]
    assert np.array_equal(np.concatenate(alone), whole)
