"""What text makes of a model, as tables for a terminal."""

from statistics import median

from eigenlm.analysis.activations.reading import Activations
from eigenlm.analysis.figure import figure
from eigenlm.analysis.kinds import by_kind
from eigenlm.plain_table import PlainTable, some


def activation_tables(found: Activations) -> list[PlainTable]:
    """Layers, inputs of matrices by kind, and heads by what they do; below them, what is missing."""
    tables = [_layers(found)] if found.layers else []
    tables += [_inputs(found)] if found.linear_inputs else []
    tables += [_heads(found)] if found.heads else []
    if tables:
        tables[-1].with_notes(f"left out: {missing.part}: {missing.reason}" for missing in found.left_out)
    return tables


def _layers(found: Activations) -> PlainTable:
    columns = ["after", "length", "first\ntoken", "intrinsic\ndimension", "directions", "loss if it\nstopped", "agrees"]
    table = PlainTable("Residual stream", columns)
    for layer in some(found.layers):
        dimension = layer.intrinsic_dimension
        table.add_row(
            layer.name,
            figure(layer.mean_norm),
            figure(layer.first_token_norm),
            "-" if dimension is None else f"{dimension.value:.1f}",
            "-" if layer.participation_ratio is None else f"{layer.participation_ratio:.1f}",
            "-" if layer.lens is None else f"{layer.lens.nll:.2f}",
            "-" if layer.lens is None else f"{layer.lens.agreement:.0%}",
        )
    return table


def _inputs(found: Activations) -> PlainTable:
    columns = ["kind", "", "effect. rank\nof inputs", "rank 90%\nof outputs", "outlier\nchannels", "largest\nchannel"]
    table = PlainTable("What matrices are given, the median over layers", columns)
    for kind, rows in by_kind(found.linear_inputs).items():
        shares = [row.outliers[0].energy_share if row.outliers else 0.0 for row in rows]
        table.add_row(
            kind,
            str(len(rows)),
            f"{median(row.effective_rank for row in rows):.0f}",
            f"{median(row.output_rank_90 for row in rows):.0f}",
            f"{median(row.num_outliers for row in rows):.0f}",
            f"{max(shares):.0%}",
        )
    return table


def _heads(found: Activations) -> PlainTable:
    table = PlainTable("What attention heads do", ["kind", "heads", "layers"])
    kinds: dict[str, list[int]] = {}
    for head in found.heads:
        kinds.setdefault(head.kind, []).append(head.layer)
    for kind, layers in sorted(kinds.items(), key=lambda item: -len(item[1])):
        low, high = min(layers), max(layers)
        table.add_row(kind, str(len(layers)), str(low) if low == high else f"{low} to {high}")
    return table
