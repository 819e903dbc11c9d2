"""Ministral: a Mistral whose layers have the window or not, by their type."""

from collections.abc import Mapping
from typing import Any

from eigenlm.checkpoint.families.layer_types import FULL, LOCAL, read_types, read_windows, write_windows
from eigenlm.checkpoint.families.llama import hugging_face_dialect


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    kind = FULL if values.get("sliding_window", 4096) is None else LOCAL
    return {"layers": read_windows(values, read_types(values, [kind] * values["num_hidden_layers"]))}


MINISTRAL = hugging_face_dialect(
    "ministral", "Ministral", constants={"layer.feed_forward.bias": False}, read=_read, write=write_windows
)
