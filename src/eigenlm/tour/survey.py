"""Step 3: the spectrum of every matrix."""

from collections.abc import Sequence
from statistics import median

from rich.markup import escape

from eigenlm.analysis import Analysis, MatrixSpectrum, decompose
from eigenlm.analysis.finding import MOST_FINDINGS
from eigenlm.analysis.kinds import by_kind
from eigenlm.tour.story import Story


def survey(story: Story, model: str) -> Analysis:
    """Decompose every matrix and say what stands out."""
    story.step(
        "Look inside every matrix",
        "A matrix stretches some directions more than others; the singular values say how much. If a few of them held"
        " nearly all of the energy (the sum of their squares), the matrix could be told in far fewer numbers.",
    )
    analysis = decompose(model)
    story.say(
        f"The {len(analysis.matrices)} matrices by kind, each figure the median over the layers. The rank"
        " for 99% is the number of directions that keep so much of the energy, out of the full rank; stable and"
        " effective rank count the directions that carry weight; the condition number is the largest singular value"
        " over the smallest."
    )
    story.table(
        ["matrix", "count", "full rank", "rank for 99%", "stable rank", "effective rank", "condition number"],
        [_row(kind, matrices) for kind, matrices in by_kind(analysis.matrices).items()],
    )
    for finding in analysis.findings[:MOST_FINDINGS]:
        story.say(f"[bold]{finding.heading}.[/] {escape(finding.text)}")
    return analysis


def _row(kind: str, matrices: Sequence[MatrixSpectrum]) -> list[str]:
    return [
        kind,
        str(len(matrices)),
        f"{len(matrices[0].singular_values)}",
        f"{median(matrix.rank_99 for matrix in matrices):.0f}",
        f"{median(matrix.stable_rank for matrix in matrices):.1f}",
        f"{median(matrix.effective_rank for matrix in matrices):.0f}",
        f"{median(matrix.condition_number for matrix in matrices):,.0f}",
    ]
