"""Ministral: a Mistral whose layers have the window or not, by their type."""

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import FileReading
from eigenlm.checkpoint.dialects.windows import FULL, LOCAL, by_type
from eigenlm.checkpoint.families.llama import MISTRAL


def _all_alike(file: FileReading) -> list[str]:
    return [FULL if file.values["sliding_window"] is None else LOCAL] * file.ours["num_layers"]


MINISTRAL = MISTRAL.but("ministral", parts={"head": language_head("Ministral"), "layers": by_type(_all_alike)})
HUGGING_FACE = (MINISTRAL,)
