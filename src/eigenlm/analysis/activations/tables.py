"""What a model does with a text, as tables for a terminal."""

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
        tables[-1].with_notes(f"not measured: {missing.part}: {missing.reason}" for missing in found.left_out)
    return tables


def _layers(found: Activations) -> PlainTable:
    columns = ["after", "mean length", "first token", "logit lens: loss", "same guess"]
    table = PlainTable("Residual stream", [*columns, "intrinsic dimension", "participation ratio"])
    for layer in some(found.layers):
        dimension = layer.intrinsic_dimension
        table.add_row(
            layer.name,
            figure(layer.mean_norm),
            figure(layer.first_token_norm),
            "-" if layer.lens is None else f"{layer.lens.nll:.2f}",
            "-" if layer.lens is None else f"{layer.lens.agreement:.0%}",
            "-" if dimension is None else f"{dimension.value:.1f}",
            "-" if layer.participation_ratio is None else f"{layer.participation_ratio:.1f}",
        )
    lens = "logit lens: the loss if this layer were the last, and how often its guess is the final one"
    return table.with_notes([lens] if any(layer.lens for layer in found.layers) else [])


def _inputs(found: Activations) -> PlainTable:
    columns = ["kind", "count", "rank for 90% of outputs", "effective rank of inputs", "outlier channels"]
    table = PlainTable("What flows through matrices, the median over layers", [*columns, "largest channel"])
    for kind, rows in by_kind(found.linear_inputs).items():
        shares = [row.outliers[0].energy_share if row.outliers else 0.0 for row in rows]
        table.add_row(
            kind,
            str(len(rows)),
            f"{median(row.output_rank_90 for row in rows):.0f}",
            f"{median(row.effective_rank for row in rows):.0f}",
            f"{median(row.num_outliers for row in rows):.0f}",
            f"{max(shares):.0%}",
        )
    return table.with_notes(["largest channel: the part of the inputs' energy that one channel carries at most"])


def _heads(found: Activations) -> PlainTable:
    table = PlainTable("What attention heads do", ["kind", "heads", "layers"])
    kinds: dict[str, list[int]] = {}
    for head in found.heads:
        kinds.setdefault(head.kind, []).append(head.layer)
    for kind, layers in sorted(kinds.items(), key=lambda item: -len(item[1])):
        low, high = min(layers), max(layers)
        table.add_row(kind, str(len(layers)), str(low) if low == high else f"{low} to {high}")
    sink = "sink: rests on the first token, as idle heads do; broad: many tokens alike; local: the five nearest"
    return table.with_notes([sink])
