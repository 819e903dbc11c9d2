"""Where the numbers of a model sit, against the model itself."""

from pathlib import Path

import eigenlm.checkpoint as checkpoint
from eigenlm.analysis.anatomy import anatomy


def test_parts_sum_to_the_model(tiny_model: Path) -> None:
    parts = {part.name: part for part in anatomy(checkpoint.open_tensors(tiny_model))}
    model = checkpoint.read_model(tiny_model).model
    assert sum(part.num_params for part in parts.values()) == sum(p.numel() for p in model.parameters())
    assert parts["attention"].num_params == sum(p.numel() for b in model.blocks for p in b.attention.parameters())
    assert parts["feed-forward"].num_params == sum(p.numel() for b in model.blocks for p in b.feed_forward.parameters())
    assert parts["norms"].num_tensors == 2 * len(model.blocks) + 1
    assert all(part.num_bytes == 4 * part.num_params for part in parts.values())
    assert "other" not in parts
