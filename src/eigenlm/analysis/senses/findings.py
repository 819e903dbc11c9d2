"""What stands out where one word has several meanings."""

from eigenlm.analysis.finding import Finding
from eigenlm.analysis.section import Results
from eigenlm.analysis.senses.word_senses import Senses


def sense_findings(senses: Senses, _: Results) -> list[Finding]:
    """Whether the model tells the meanings apart, and where."""
    best = senses.best.centred
    where = f"after {senses.best.name}" if senses.best_layer else "in the embedding"
    interval = f"{best.separation.value:.2f} ({best.separation.low:.2f} to {best.separation.high:.2f})"
    meanings = " and ".join(senses.counts)
    if senses.p < 0.05:
        heading = f"It tells one “{senses.word}” from another"
        text = (
            f"The meanings {meanings} lie apart most clearly {where}, {best.z:.1f} standard deviations above chance:"
            f" vectors of one meaning are more alike than those of two by {interval} in cosine, p = {senses.p:.2g} over"
            f" all layers; the nearest meaning is right for"
            f" {best.accuracy:.0%} of the sentences."
        )
    else:
        heading = f"It does not tell one “{senses.word}” from another"
        text = (
            f"In no layer do the meanings {meanings} lie apart beyond chance (most clearly {where}: {interval},"
            f" p = {senses.p:.2g})."
        )
    return [Finding(heading=heading, text=text, weight=0.4, section="senses")]
