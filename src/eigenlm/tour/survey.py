"""Step 3: the spectrum of every matrix."""

from collections.abc import Sequence
from statistics import median

from rich.markup import escape

from eigenlm.analysis import Analysis, MatrixSpectrum, decompose
from eigenlm.analysis.kinds import kind_of
from eigenlm.tour.story import Story


def survey(story: Story, model: str) -> Analysis:
    """Decompose every matrix and say what stands out."""
    story.step(
        "Look inside every matrix",
        "A matrix stretches some directions more than others; the singular values say how much. If a few of them held"
        " nearly all of the energy (the sum of their squares), the matrix could be told in far fewer numbers.",
    )
    analysis = decompose(model)
    kinds: dict[str, list[MatrixSpectrum]] = {}
    for matrix in analysis.matrices:
        kinds.setdefault(kind_of(matrix.name), []).append(matrix)
    story.say(
        f"The {len(analysis.matrices)} matrices by kind, each figure the median over the layers. Stable and effective"
        " rank count the directions that carry weight; 99 % is the rank that keeps so much energy, of the full rank;"
        " condition is the largest singular value over the smallest."
    )
    story.table(
        ["matrix", "count", "stable", "effective", "99 %", "full", "condition"],
        [_row(kind, matrices) for kind, matrices in kinds.items()],
    )
    for finding in analysis.findings:
        story.say(f"[bold]{finding.heading}.[/] {escape(finding.text)}")
    return analysis


def _row(kind: str, matrices: Sequence[MatrixSpectrum]) -> list[str]:
    return [
        kind.removeprefix("blocks.*."),
        str(len(matrices)),
        f"{median(matrix.stable_rank for matrix in matrices):.1f}",
        f"{median(matrix.effective_rank for matrix in matrices):.0f}",
        f"{median(matrix.rank_99 for matrix in matrices):.0f}",
        f"{len(matrices[0].singular_values)}",
        f"{median(matrix.condition_number for matrix in matrices):,.0f}",
    ]
