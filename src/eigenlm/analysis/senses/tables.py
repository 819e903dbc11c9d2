"""How far the senses of a word lie apart, as a table for a terminal."""

from eigenlm.analysis.senses.word_senses import Senses
from eigenlm.plain_table import PlainTable, some


def sense_tables(found: Senses) -> list[PlainTable]:
    """The separation by layer."""
    title = f"'{found.word}' as {' or '.join(found.counts)}, after each layer; best: furthest above chance"
    table = PlainTable(title, ["after", "separation", "95% interval", "above chance", "nearest is right", "p"])
    for layer in some(found.layers, found.best):
        centred = layer.centred
        interval = f"{centred.separation.low:.3f} to {centred.separation.high:.3f}"
        table.add_row(
            layer.name + (" best" if layer is found.best else ""),
            f"{centred.separation.value:.3f}",
            interval,
            f"{centred.z:.1f} sd",
            f"{centred.accuracy:.0%}",
            f"{centred.p_adjusted:.2g}",
        )
    return [table]
