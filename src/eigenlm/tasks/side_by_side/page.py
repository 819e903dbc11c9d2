"""One offline HTML page to read in what lies between two models; it has no script."""

from pathlib import Path
from typing import Any

from eigenlm.analysis.term import read_terms
from eigenlm.files import write_text
from eigenlm.offline_page import fill, part, policy
from eigenlm.tasks.side_by_side.exchanges import MOST_TOKENS
from eigenlm.tasks.side_by_side.interval_chart import IntervalChart, interval_chart
from eigenlm.tasks.side_by_side.side_by_side import SideBySide
from eigenlm.tasks.side_by_side.words import Cost, costs, headline, of_size_and_speed, of_text, said, short_name

_HERE, _REPORT = "eigenlm.tasks.side_by_side", "eigenlm.analysis.page"


def write_page(found: SideBySide, path: str | Path) -> None:
    """Write the page, whole or not at all; it needs no network.

    Raises:
        DataError: the place cannot be written.
    """
    write_text(path, render(found))


def render(found: SideBySide) -> str:
    """The page as HTML."""
    before, after = short_name(found.before.name), short_name(found.after.name)
    ((_, words),) = read_terms(_HERE).items()
    values: dict[str, Any] = {
        "title": f"{before} and {after}: before and after",
        "found": found,
        "names": (before, after),
        "headline": headline(found),
        "facts": _facts(found),
        "texts": [(name, effect.tokens, of_text(effect)) for name, effect in found.texts.items()],
        "charts": [_chart(cost) for cost in costs(found)],
        "sizes": of_size_and_speed(found),
        "most_tokens": MOST_TOKENS,
        "words": words,
        "style": part(_REPORT, "page.css", "print.css") + part(_HERE, "page.css"),
        "policy": policy(),
    }
    return fill(_HERE, "page.html", None, values, {"said": said})


def _facts(found: SideBySide) -> dict[str, str]:
    """What was compared, and where."""
    speeds = found.speeds
    facts = {"Before": found.before.name, "After": found.after.name}
    if found.foretold is not None:
        facts["Planned on"] = found.foretold.text
    return facts | {"Device": speeds.device, "Weights": speeds.dtype, "Threads": f"{speeds.threads}"}


def _chart(cost: Cost) -> IntervalChart:
    """The forecast above what was measured."""
    foretold = [] if cost.foretold is None else [("Forecast", True, cost.foretold)]
    return interval_chart(cost.title, [*foretold, *((name, False, one) for name, one in cost.measured.items())])
