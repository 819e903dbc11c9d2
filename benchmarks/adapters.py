"""LoRA adapters of every kind that PEFT writes: merged by eigenlm, and by PEFT itself.

python benchmarks/adapters.py

Each adapter is made by PEFT on a tiny random model, its factors drawn at random, and saved. Logits of the merged model
are compared with those of PEFT's `merge_and_unload`; what is refused says why.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from record import record

from eigenlm.checkpoint import read_model
from eigenlm.errors import EigenError

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.checkpoint.tiny_adapters import KINDS, REFUSED, merged_by_peft, tiny_adapter


@torch.no_grad()
def compare(kind: str, folder: Path) -> dict[str, Any]:
    """The largest difference of a logit, or the refusal."""
    base, adapter = tiny_adapter(kind, folder)
    ids = torch.randint(3, 90, (2, 9), generator=torch.Generator().manual_seed(0))
    try:
        ours = read_model(base, adapter=adapter).model(ids)
    except EigenError as error:
        return {"refused": str(error).replace(str(folder), "FOLDER")}
    plain, want = read_model(base).model(ids), merged_by_peft(base, adapter)(ids).logits
    return {
        "largest difference of a logit": float((ours - want).abs().max()),
        "largest change of a logit by the adapter": float((plain - want).abs().max()),
    }


def main() -> None:
    """Every kind."""
    figures: dict[str, Any] = {"must": "<= 1e-5 or refused by name"}
    for kind in {**KINDS, **REFUSED}:
        with tempfile.TemporaryDirectory() as folder:
            figures[kind] = compare(kind, Path(folder))
            print(kind, figures[kind])
    record("adapters", figures)


if __name__ == "__main__":
    main()
