import io

from rich.console import Console

from eigenlm.analysis import decompose
from eigenlm.analysis.section_tables import activation_tables, curvature_tables, section_tables, sense_tables
from eigenlm.analysis.table import kind_table, matrix_table


def printed(tables) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    for table in tables:
        console.print(table)
    return console.export_text()


def test_tables_fit_a_terminal_and_hold_the_figures(seen):
    text = printed([kind_table(seen), matrix_table(seen), *section_tables(seen)])
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    layer = seen.activations.layers[-1]
    assert f"{layer.lens.nll:.2f}" in printed(activation_tables(seen))
    assert f"{seen.curvature.hessian_largest[0].value:.3g}" in printed(curvature_tables(seen))
    best = seen.senses.layers[seen.senses.best_layer]
    (row,) = [line.split() for line in printed(sense_tables(seen)).splitlines() if " best " in line]
    assert row[:3] == [str(best.layer), "best", f"{best.centred.separation.value:.3f}"]


def test_what_was_not_measured_has_no_table(tiny_model):
    analysis = decompose(tiny_model)
    assert section_tables(analysis) == []
    assert "attention.query" in printed([kind_table(analysis)])
