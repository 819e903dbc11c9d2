"""One offline HTML page to read a race in."""

from pathlib import Path
from typing import Any

from eigenlm.bench.race.result import Entrant, RaceResult
from eigenlm.bench.race.words import headline, table, verdict
from eigenlm.config import to_dict
from eigenlm.files import write_text
from eigenlm.offline_page import fill, part


def write_page(result: RaceResult, path: str | Path) -> None:
    """Write the page, whole or not at all; it needs no network.

    Raises:
        DataError: the place cannot be written.
    """
    write_text(path, render(result))


def render(result: RaceResult) -> str:
    """The page as HTML."""
    columns, rows = table(result)
    values = {
        "result": result,
        "race": result.race,
        "headline": headline(result),
        "columns": columns,
        "rows": rows,
        "verdicts": [(entrant.optimizer, verdict(result, entrant)) for entrant in result.entrants],
        "style": part("eigenlm.analysis.page", "page.css", "print.css") + part("eigenlm.bench.race", "race.css"),
        "script": part("eigenlm.bench.race", "race.js"),
    }
    return fill("eigenlm.bench.race", "race.html", page_data(result), values, {})


def page_data(result: RaceResult) -> dict[str, Any]:
    """What the page's script draws: plain JSON values."""
    return {
        "target": result.race.target,
        "steps": result.race.steps,
        "targetLoss": result.target.nll.value,
        "entrants": [_drawn(result, entrant) for entrant in result.entrants],
    }


def _drawn(result: RaceResult, entrant: Entrant) -> dict[str, Any]:
    against = entrant.against_target
    lengths = [] if against is None else [to_dict(length) for length in against.lengths]
    return {
        "name": entrant.optimizer,
        # A colour goes with a place in what was asked for, not with who won.
        "place": result.race.optimizers.index(entrant.optimizer),
        "sweep": [
            {
                "rate": r.run.learning_rate,
                "nll": r.nll,
                "diverged": r.diverged,
                "best": r.run.learning_rate == entrant.learning_rate,
            }
            for r in entrant.sweep
        ],
        "curves": [{"steps": r.curve_steps, "losses": r.curve_losses, "nll": r.nll} for r in entrant.runs],
        "lengths": lengths or [{"steps": result.race.steps, "nll": to_dict(entrant.nll)}],
        "stepRatio": None if against is None else to_dict(against.step_ratio),
        "timeRatio": None if against is None else to_dict(against.time_ratio),
    }
