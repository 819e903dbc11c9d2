"""How far the senses of a word lie apart, as a table for a terminal."""

from eigenlm.analysis.senses.word_senses import Senses
from eigenlm.plain_table import PlainTable, some


def sense_tables(found: Senses) -> list[PlainTable]:
    """The separation by layer."""
    title = f"'{found.word}' as {' or '.join(found.counts)}, after each layer"
    table = PlainTable(title, ["layers", "separation", "95% interval", "nearest is right", "p"])
    for layer in some(found.layers):
        centred = layer.centred
        interval = f"{centred.separation.low:.3f} to {centred.separation.high:.3f}"
        figures = [f"{centred.separation.value:.3f}", interval, f"{centred.accuracy:.0%}", f"{centred.p_adjusted:.2g}"]
        table.add_row(str(layer.layer) + (" best" if layer.layer == found.best_layer else ""), *figures)
    return [table]
