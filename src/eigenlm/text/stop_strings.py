"""Text up to the first stop string, while it arrives."""

from collections.abc import Iterable, Iterator, Sequence


def until_stop(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """Yield text before the stop string that ends first; what may begin one is held back until it is certain.

    >>> list(until_stop(["one ", "tw", "o th", "ree"], ["two"]))
    ['one ']
    """
    stops = [stop for stop in stops if stop]
    held = ""
    for piece in pieces:
        held += piece
        found = [(held.index(stop) + len(stop), held.index(stop)) for stop in stops if stop in held]
        if found:
            if start := min(found)[1]:
                yield held[:start]
            return
        kept = max((size for stop in stops for size in range(1, len(stop)) if held.endswith(stop[:size])), default=0)
        if len(held) > kept:
            yield held[: len(held) - kept]
        held = held[len(held) - kept :]
    if held:
        yield held
