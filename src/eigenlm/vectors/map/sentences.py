"""What a page of word vectors says of itself: what is seen, of how much, and how far to trust it."""

from eigenlm.errors import counted
from eigenlm.vectors.map.layout import Layout
from eigenlm.vectors.map.word_map import WordMap


def lead(shown: WordMap) -> str:
    """The first line: which words of which file, and what a picture of them leaves out."""
    words = f"{counted(len(shown.words), 'word')} of {shown.source}"
    if len(shown.words) < shown.num_words:
        words = f"The first {len(shown.words):,} of {counted(shown.num_words, 'word')} of {shown.source}"
    first = shown.layouts[0]
    picture = _linear(first, shown.dim) if first.shares else f"a UMAP picture of {counted(shown.dim, 'dimension')}"
    return f"{words}: {picture}. Distances in it deceive; the lists beside it are computed from the vectors."


def caption(layout: Layout, kept: float, dim: int) -> str:
    """What stands under a picture."""
    near = f"Of a word's ten nearest words, {kept:.1%} are among its ten nearest in this picture."
    if layout.shares is None:
        how = "UMAP draws near words near; how far apart groups stand, and how large they are, means nothing."
        return f"{how} {near} It is not linear: sums of words have no place in it."
    across, up = layout.shares
    axes = f"{across:.1%} of the variance lies across, {up:.1%} upward, and {max(1 - across - up, 0):.1%} is not seen"
    return f"The two principal axes of {counted(dim, 'dimension')}: {axes}. {near}"


def rounding(shown: WordMap) -> str:
    """What the page's own arithmetic costs."""
    packed, told = shown.vectors, shown.agreement
    held = f"The page holds each vector as {counted(packed.codes.shape[1], 'whole number')} from -127 to 127"
    if packed.codes.shape[1] < shown.dim:
        held += (
            f", along the principal directions, which hold {packed.share:.1%} of the squared lengths of all {shown.dim}"
        )
    error = f"{told.cosine_error:.4f}".rstrip("0").rstrip(".")
    return (
        f"{held}. Asked for the ten nearest of {counted(told.asked, 'word')}, it names {told.neighbours:.1%} of those"
        f" that the vectors themselves give, and their cosines are off by at most {error or 0}."
    )


def _linear(layout: Layout, dim: int) -> str:
    across, up = layout.shares or (0.0, 0.0)
    return f"a picture of 2 of {counted(dim, 'dimension')}, which keeps {across + up:.1%} of the variance"
