"""How far the two senses of 'bank' lie apart in each layer of MiniLM and SmolLM2, with intervals and a test.

The sentences are those of `eigenlm.analysis.senses.BANK`: 16 for each sense, with what decides it before the word.
Every layer is told with its 95 % interval over sentences and with the p that holds over all layers at once, so that the
best layer's p counts that it was chosen. `python benchmarks/senses.py 4` tries it out on the first 4 sentences of each
sense and writes nothing.
"""

import sys
import time
from dataclasses import asdict
from typing import Any

from record import record
from rich.console import Console
from rich.table import Table

import eigenlm
from eigenlm.analysis.senses import BANK, Senses, word_senses
from eigenlm.estimate import Estimate

MODELS = ("minilm-l6-v2", "smollm2-135m-instruct")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else None
    sentences = {sense: group[:count] for sense, group in BANK.senses.items()}
    figures = {model: measured(model, sentences) for model in MODELS}
    if count is None:
        record("senses", {"word": BANK.word, "models": figures})


def measured(model: str, sentences: dict[str, Any]) -> dict[str, Any]:
    """All layers of one model, printed and as plain values."""
    lm = eigenlm.load(model, device="cpu")
    start = time.perf_counter()
    senses = word_senses(lm, BANK.word, sentences)
    seconds = time.perf_counter() - start
    Console(width=130).print(table(model, senses))
    return {"seconds": seconds} | asdict(senses)


def table(model: str, senses: Senses) -> Table:
    """A row for each layer."""
    told = Table(title=f"{model}: best layer {senses.best.name}, p = {senses.p:.4f}", title_justify="left", box=None)
    for column in (
        "layer",
        "cosine gap",
        "centred: gap",
        "silhouette",
        "p over layers",
        "nearest",
        "IsoScore",
        "RankMe",
    ):
        told.add_column(column, justify="right")
    for row in senses.layers:
        told.add_row(
            row.name,
            interval(row.raw.separation),
            interval(row.centred.separation),
            interval(row.centred.silhouette),
            f"{row.centred.p_adjusted:.4f}",
            f"{row.centred.accuracy:.0%}",
            "-" if row.isotropy.iso_score is None else f"{row.isotropy.iso_score:.3f}",
            f"{row.isotropy.rank_me:.0f}",
        )
    return told


def interval(estimate: Estimate) -> str:
    """A figure and its interval."""
    return f"{estimate.value:.3f} ({estimate.low:.3f}, {estimate.high:.3f})"


if __name__ == "__main__":
    main()
