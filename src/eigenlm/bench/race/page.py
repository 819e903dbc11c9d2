"""One offline HTML page to read a race in."""

import base64
import gzip
import json
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from eigenlm.bench.race.result import Entrant, RaceResult
from eigenlm.bench.race.words import table, verdict
from eigenlm.config import to_dict
from eigenlm.files import write_text


def write_page(result: RaceResult, path: str | Path) -> None:
    """Write the page, whole or not at all; it needs no network.

    Raises:
        DataError: the place cannot be written.
    """
    write_text(path, render(result))


def render(result: RaceResult) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("eigenlm.bench.race", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    columns, rows = table(result)
    return environment.get_template("race.html").render(
        result=result,
        race=result.race,
        columns=columns,
        rows=rows,
        verdicts=[(entrant.optimizer, verdict(result, entrant)) for entrant in result.entrants],
        style=_file("eigenlm.analyze", "report.css") + _file("eigenlm.bench.race", "race.css"),
        script=_file("eigenlm.bench.race", "race.js"),
        # Inside a script element no text may end the element.
        data=Markup(json.dumps(page_data(result), allow_nan=False).replace("<", "\\u003c")),
        # Plotly in a third of its size; the page unpacks it with the browser's own DecompressionStream.
        plotly=Markup(base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()),
    )


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


def _file(package: str, name: str) -> Markup:
    return Markup(resources.files(package).joinpath(name).read_text(encoding="utf-8"))
