import io

from rich.console import Console

from eigenlm.analysis import activations, curvature, decompose, senses
from eigenlm.analysis.tables import tables


def printed(shown) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    for table in shown:
        console.print(table)
    return console.export_text()


def test_tables_fit_a_terminal_and_hold_the_figures(seen):
    text = printed([*tables(seen), *tables(seen, every=True)])
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    layer = seen.activations.layers[-1]
    assert f"{layer.lens.nll:.2f}" in printed(activations.SECTION.tables(seen.activations))
    assert f"{seen.curvature.hessian_largest[0].value:.3g}" in printed(curvature.SECTION.tables(seen.curvature))
    best = seen.senses.layers[seen.senses.best_layer]
    (row,) = [line.split() for line in printed(senses.SECTION.tables(seen.senses)).splitlines() if " best " in line]
    assert row[:3] == [best.name, "best", f"{best.centred.separation.value:.3f}"]


def test_what_was_not_measured_has_no_table(tiny_model):
    analysis = decompose(tiny_model)
    (kinds,) = tables(analysis)
    assert "attention.query" in printed([kinds])
