"""Step 3: the spectrum of every matrix."""

from eigenlm.analyze import Analysis, analyze
from eigenlm.analyze.findings import findings
from eigenlm.analyze.table import kind_table
from eigenlm.checkpoint import open_tensors
from eigenlm.tour.story import Story


def survey(story: Story, model: str) -> Analysis:
    """Decompose every matrix and say what stands out."""
    story.step(
        "Look inside every matrix",
        "A matrix stretches some directions more than others; the singular values say how much. If a few of them held"
        " nearly all of the energy (the sum of their squares), the matrix could be told in far fewer numbers.",
    )
    analysis = analyze(open_tensors(model))
    story.show(kind_table(analysis))
    for finding in findings(analysis):
        story.say(f"[bold]{finding.heading}.[/] {finding.text}")
    return analysis
