"""What stands out in how the loss bends."""

from collections.abc import Sequence

from eigenlm.analysis.curvature.results import BlockCurvature, Curvature
from eigenlm.analysis.finding import Finding
from eigenlm.analysis.section import Results


def curvature_findings(found: Curvature, _: Results) -> list[Finding]:
    """The sharpest direction, the matrices that bend the loss most, KFAC's error, and the flow of gradients."""
    return [*_sharpest(found), *_blocks(found.blocks), *_kfac(found.blocks), *_flow(found)]


def _sharpest(found: Curvature) -> list[Finding]:
    if not found.hessian_largest:
        return []
    top = found.hessian_largest[0]
    text = f"In its sharpest direction the loss bends by {top.value:.3g} (within {top.residual:.2g})"
    if found.hessian_trace is not None and found.hessian_trace.value > 0:
        text += f", {top.value / found.hessian_trace.value:.1%} of the sum over all {found.num_params:,} directions"
    text += f": gradient descent with a step above {2 / top.value:.2g} is thrown off." if top.value > 0 else "."
    low = found.hessian_smallest[0] if found.hessian_smallest else None
    if low is not None and low.value + low.residual < 0:
        text += f" In others it bends down, by up to {-low.value:.3g}: this is no minimum of the loss on this text."
    return [Finding(heading="The sharpest direction", text=text, weight=0.6, section="curvature")]


def _blocks(blocks: Sequence[BlockCurvature]) -> list[Finding]:
    known = [block for block in blocks if block.trace_per_param is not None]
    if len(known) < 2:
        return []

    def mean(block: BlockCurvature) -> float:
        return block.trace_per_param or 0.0

    most, least = max(known, key=mean), min(known, key=mean)
    if mean(least) <= 0:
        return []
    return [
        Finding(
            heading="Where the loss feels most",
            text=f"Changing a number of {most.name} bends the loss {mean(most) / mean(least):,.0f} times as much as"
            f" one of {least.name}, on average: keep more bits and ranks in the first.",
            weight=0.6,
            matrix=most.name,
            section="curvature",
        )
    ]


def _kfac(blocks: Sequence[BlockCurvature]) -> list[Finding]:
    known = [(block.kfac_error, block) for block in blocks if block.kfac_error is not None]
    if not known:
        return []
    worst, block = max(known, key=lambda pair: pair[0].value)
    middle = sorted(error.value for error, _ in known)[len(known) // 2]
    return [
        Finding(
            heading="How far KFAC is off",
            text=f"The Kronecker-factored approximation misses {middle:.0%} of a block in the median, and"
            f" {worst.value:.0%} ({worst.low:.0%} to {worst.high:.0%}) of that of {block.name}.",
            weight=0.3,
            matrix=block.name,
            section="curvature",
        )
    ]


def _flow(found: Curvature) -> list[Finding]:
    if found.gradient_flow is None:
        return []
    return [
        Finding(
            heading="How gradients flow",
            text=found.gradient_flow.explanation,
            weight=0.5,
            section="curvature",
        )
    ]
