"""What stands out where text passes through a model."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from eigenlm.analysis.activations.heads import AttentionHead
from eigenlm.analysis.activations.linear_inputs import LinearInputs
from eigenlm.analysis.activations.reading import Activations
from eigenlm.analysis.activations.residual_stream import LayerStream
from eigenlm.analysis.finding import Finding, listed
from eigenlm.analysis.section import Results

# Part of all attention that is worth a sentence of its own.
_MUCH = 0.5


def activation_findings(found: Activations, results: Results) -> list[Finding]:
    """Channels, heads and layers that stand out, and what text uses of the matrices."""
    spectra = results.get("spectra")
    ranks = {} if spectra is None else {matrix.name: matrix.rank_90 for matrix in spectra.matrices}
    return [
        *_outliers(found.linear_inputs),
        *_unused(found.linear_inputs, ranks),
        *_massive(found.layers),
        *_heads(found.heads),
        *_lens(found.layers),
    ]


def _outliers(rows: Sequence[LinearInputs]) -> list[Finding]:
    with_outliers = [row for row in rows if row.outliers]
    if not with_outliers:
        return []
    worst = max(with_outliers, key=lambda row: row.outliers[0].energy_share)
    top = worst.outliers[0]
    return [
        Finding(
            heading="One channel carries much",
            text=f"Channel {top.channel} carries {top.energy_share:.0%} of the energy of what {worst.name} is given,"
            f" {top.ratio:,.0f} times the median channel's size. {len(with_outliers)} of {len(rows)} matrices have such"
            " channels: rounding activations to few bits will hurt there.",
            weight=0.4 + 0.5 * top.energy_share,
            matrix=worst.name,
            section="activations",
        )
    ]


def _unused(inputs: Sequence[LinearInputs], ranks: Mapping[str, int]) -> list[Finding]:
    """The matrix of whose directions text needs the smallest part, beside the rank its spectrum alone asks for."""
    # Where the first token is huge, all other directions look unused; that says nothing about the other tokens.
    rows = [
        row for row in inputs if row.name in ranks and row.output_rank_90 > 0 and (row.first_token_share or 0.0) < _MUCH
    ]
    if not rows:
        return []

    def share(row: LinearInputs) -> float:
        return row.output_rank_90 / ranks[row.name]

    least, middle = min(rows, key=share), median(map(share, rows))
    return [
        Finding(
            heading="Text uses fewer directions" if middle < 1 else "Text uses all directions",
            text=f"To keep 90% of what comes out on this text, the median matrix needs {middle:.0%} of the directions"
            f" that its own spectrum asks for; {least.name} needs {least.output_rank_90} where its spectrum asks for"
            f" {ranks[least.name]}. Energy is not quality, but a rank chosen by what text uses can be much"
            " lower.",
            weight=0.5 + 0.3 * max(0.0, 1 - middle),
            matrix=least.name,
            section="activations",
        )
    ]


def _massive(layers: Sequence[LayerStream]) -> list[Finding]:
    peaks = [(peak, layer) for layer in layers for peak in layer.massive]
    if not peaks:
        return []
    peak, layer = max(peaks, key=lambda pair: pair[0].ratio)
    channels = [str(channel) for channel, _ in Counter(peak.channel for peak, _ in peaks).most_common()]
    where = "the first token of the text" if peak.at_first_token else "a token within the text"
    return [
        Finding(
            heading="Massive activations",
            text=f"At {where}, channel {peak.channel} of the residual stream reaches {peak.max_abs:,.0f} after"
            f" {layer.name}, {peak.ratio:,.0f} times the usual size. Channels that do so: {listed(channels, most=5)}.",
            weight=0.55,
            section="activations",
        )
    ]


def _heads(heads: Sequence[AttentionHead]) -> list[Finding]:
    if not heads:
        return []
    kinds = Counter(head.kind for head in heads)
    told = [f"{count} {kind}" for kind, count in kinds.most_common()]
    found = [
        Finding(
            heading="What the heads do",
            text=f"Of {len(heads)} attention heads: {listed(told, most=8)}."
            + (
                f" {kinds['sink']} rest on the first token, as heads do that find nothing to fetch."
                if kinds["sink"]
                else ""
            ),
            weight=0.45,
            section="activations",
        )
    ]
    looks = [(head.previous_token, head, "back by one token") for head in heads]
    looks += [(head.induction, head, "at what followed the same token earlier") for head in heads if head.induction]
    much, head, where = max(looks, key=lambda look: look[0])
    if much >= _MUCH:
        found.append(
            Finding(
                heading="A head with one job",
                text=f"Head {head.head} of layer {head.layer} looks {where}: {much:.0%} of its attention goes there.",
                weight=0.3 + 0.2 * much,
                section="activations",
            )
        )
    return found


def _lens(layers: Sequence[LayerStream]) -> list[Finding]:
    lenses = [(layer.name, layer.lens) for layer in layers if layer.lens is not None]
    half = next((found for found in lenses if found[1].agreement >= _MUCH), None)
    if half is None or len(lenses) < 3:
        return []
    name, lens = half
    return [
        Finding(
            heading="When the prediction is made",
            text=f"After {name}, of {len(layers) - 1} layers, the model's guess is already the final one for"
            f" half of the tokens; its loss there is {lens.nll:.2f} nats, against {lenses[-1][1].nll:.2f} at the end.",
            weight=0.4,
            section="activations",
        )
    ]
