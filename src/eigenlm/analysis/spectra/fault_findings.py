"""What cannot be right in a model: numbers that are not finite, all the same, untrained, repeated, beyond 16 bits."""

import re
from collections.abc import Callable, Sequence

from eigenlm.analysis.finding import Finding, listed
from eigenlm.analysis.kinds import layer_of
from eigenlm.analysis.spectra.entries import Entries
from eigenlm.analysis.spectra.matrix_spectrum import MatrixSpectrum
from eigenlm.analysis.spectra.measuring import Spectra
from eigenlm.errors import counted

_MOST_NAMES = 3
# From halfway to the next number of float16 on, all becomes infinite.
_BEYOND_FLOAT16 = 65520.0
# Rounding to float16 changes a number by 1 part in 2,048 at most, unless it is so small that digits fall away.
_LOST = 0.01
_NEARLY_ALL, _A_LAYER = 0.9, 4


def fault_findings(found: Spectra) -> list[Finding]:
    """What makes a model useless, or was surely not meant."""
    matrices = [one for one in found.entries if one.is_matrix]
    return [
        *_not_finite(found),
        *_named("Matrices of zeros", matrices, _is_zero, "all zero: whatever they are given, they answer 0", 0.99),
        *_named(
            "Matrices of one number",
            matrices,
            lambda one: one.is_constant and not _is_zero(one),
            "one and the same number everywhere, a matrix of rank 1",
            0.98,
        ),
        *_too_large(found.entries),
        *_untrained(found.matrices),
        *_repeated(matrices),
        *_named(
            "Too small for 16 bits",
            matrices,
            lambda one: (one.float16_error or 0.0) > _LOST,
            "so small beside what float16 can hold (6e-8) that it rounds many of them away; bfloat16 or float32 keeps"
            " them",
            0.93,
        ),
    ]


def _is_zero(one: Entries) -> bool:
    return one.is_constant and one.largest == 0


def _not_finite(found: Spectra) -> list[Finding]:
    """Matrices and vectors with NaN or infinite numbers, by name and count."""
    bad = [one for one in found.entries if one.num_not_finite]
    if not bad:
        return []
    skipped = [one.name for one in bad if one.is_matrix]
    total = len(found.matrices) + len(found.skipped)
    text = f"{bad[0].name} holds {bad[0].num_not_finite:,} NaN or infinite of {counted(bad[0].count, 'number')}"
    others = [f"{one.name} ({one.num_not_finite:,} of {one.count:,})" for one in bad[1:]]
    text += f"; others do too: {listed(others, most=_MOST_NAMES - 1)}." if others else "."
    if skipped:
        were = f"{len(skipped)} of {total} {'was' if len(skipped) == 1 else 'were'} left out"
        text = f"{were}: {listed(skipped, most=_MOST_NAMES)}. {text}"
    text += " A model answers NaN to everything as soon as it uses one of them."
    heading = f"NaN or infinite numbers in {counted(len(bad), 'tensor')}"
    return [Finding(heading=heading, text=text, weight=1.0, section="table")]


def _named(
    heading: str, matrices: Sequence[Entries], holds: Callable[[Entries], bool], said: str, weight: float
) -> list[Finding]:
    """The matrices of which something holds, named."""
    names = [one.name for one in matrices if holds(one)]
    if not names:
        return []
    text = f"The numbers of {listed(names, most=_MOST_NAMES)} are {said}."
    return [Finding(heading=heading, text=text, weight=weight, matrix=names[0])]


def _too_large(tensors: Sequence[Entries]) -> list[Finding]:
    beyond = sorted((one for one in tensors if one.largest_size >= _BEYOND_FLOAT16), key=lambda one: -one.largest_size)
    if not beyond:
        return []
    names = listed([one.name for one in beyond], most=_MOST_NAMES)
    text = (
        f"Numbers of {names} become infinite in float16, which ends at 65,504: the largest is"
        f" {beyond[0].largest_size:,.0f} in size. Run and save this model in bfloat16 or float32."
    )
    matrix = next((one.name for one in beyond if one.is_matrix), None)
    return [Finding(heading="Too large for 16 bits", text=text, weight=0.97, matrix=matrix)]


def _untrained(matrices: Sequence[MatrixSpectrum]) -> list[Finding]:
    """Nearly all matrices of the model, or all of a layer, have the spectrum of random numbers, edge included."""
    known = {m.name: _at_edge(m) for m in matrices if m.noise is not None and m.noise.noise_std is not None}
    layers: dict[int | None, list[bool]] = {}
    for name, at_edge in known.items():
        layers.setdefault(layer_of(name), []).append(at_edge)
    layers.pop(None, None)
    odd = [str(layer) for layer, edges in layers.items() if all(edges) and len(edges) >= _A_LAYER]
    if known and sum(known.values()) >= _NEARLY_ALL * len(known):
        which = f"{sum(known.values())} of {counted(len(known), 'matrix', 'matrices')}"
        heading = "This model looks untrained"
    elif odd:
        which = f"all matrices of layer{'s' * (len(odd) > 1)} {listed(odd, most=_MOST_NAMES)}"
        heading = "A layer looks untrained" if len(odd) == 1 else "Some layers look untrained"
    else:
        return []
    text = (
        f"In {which} the singular values end where those of random numbers do, at the edge of the Marchenko-Pastur law;"
        " training leaves some far above it. Perhaps the file was written before training or soon after its start, or"
        " these matrices were never read."
    )
    return [Finding(heading=heading, text=text, weight=0.96, section="table")]


def _at_edge(matrix: MatrixSpectrum) -> bool:
    """Whether no more than one singular value of a hundred is larger than noise makes them."""
    spikes = None if matrix.noise is None else matrix.noise.num_spikes
    return (spikes or 0) <= len(matrix.singular_values) // 100


def _repeated(matrices: Sequence[Entries]) -> list[Finding]:
    """Matrices of one role that are the same number by number: layers copied, or read twice."""
    first: dict[tuple[str, str], str] = {}
    pairs = []
    for one in matrices:
        if not one.is_constant and one.count > 1:
            role = re.sub(r"\d+", "*", one.name)
            original = first.setdefault((role, one.digest), one.name)
            if original != one.name:
                pairs.append(f"{one.name} is {original}")
    if not pairs:
        return []
    told = counted(len(pairs), "matrix repeats", "matrices repeat")
    text = f"{told} another of its kind number by number: {listed(pairs, most=_MOST_NAMES)}."
    return [Finding(heading="Layers that are copies", text=text, weight=0.95, section="table")]
