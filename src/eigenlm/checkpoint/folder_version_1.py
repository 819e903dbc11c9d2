"""Configs as eigenlm folders of version 1 held them: one kind of layer, all layers equal."""

from collections.abc import Mapping
from typing import Any

from eigenlm.errors import ConfigError, explain


def from_version_1(old: Any) -> dict[str, Any]:
    """The same config as it is written today.

    Raises:
        ConfigError: it was none of version 1.
    """
    try:
        return _translated(old)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ConfigError(explain("config of version 1", expected="all its fields", got=repr(error))) from error


def _translated(old: Mapping[str, Any]) -> dict[str, Any]:
    new = dict(old)
    attention, inner, norm = dict(new.pop("attention")), dict(new.pop("feed_forward")), dict(old.get("norm", {}))
    positions, embedding = dict(old.get("positions", {})), dict(old.get("embedding", {}))
    window = attention.pop("window", None)
    attention["kind"] = "softmax" if window is None else "sliding_window"
    if window is not None:
        attention["window"] = window
    attention["query_key_norm"] = "head" if attention.get("query_key_norm") else None
    factors = positions.pop("frequency_factors", None)
    if positions.get("kind") == "rotary":
        attention["rotary"] = {"base": positions.pop("base", 10000.0), "frequency_factors": factors}
        positions["kind"] = "none"
    if inner.get("activation") == "swiglu":
        inner |= {"activation": "silu", "gated": True}
    inner["kind"] = "dense"
    if embedding.pop("scaled", False):
        embedding["scale"] = old["d_model"] ** 0.5
    layer = {
        "attention": attention,
        "feed_forward": inner,
        "norm": norm,
        "norm_position": new.pop("norm_position", "pre"),
    }
    new |= {"positions": positions, "embedding": embedding, "pattern": [layer]}
    if old.get("kind") == "encoder_decoder":
        cross = {**attention, "kind": "softmax", "rotary": None}
        cross.pop("window", None)
        new |= {"pattern": [{**layer, "cross_attention": cross}], "encoder_pattern": [layer]}
    if (head := old.get("head", {})) is not None:
        new["head"] = {**head, "kind": "vocabulary", "transform": "gelu" if head.get("transform") else None}
    return new
