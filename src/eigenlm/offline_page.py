"""HTML pages that need no network: a template with its style, its script, its data and Plotly all inside."""

import base64
import functools
import gzip
import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs


def fill(
    package: str, template: str, data: Any, values: Mapping[str, Any], filters: Mapping[str, Callable[..., str]]
) -> str:
    """A template of a package filled in; it also has `data` as JSON and `plotly`, packed.

    Args:
        package: where the template lies.
        template: its file name.
        data: plain JSON values for the page's script.
        values: what the template names.
        filters: how it writes them.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment.get_template(template).render(data=_inert(data), plotly=_packed_plotly(), **values)


def part(package: str, name: str) -> Markup:
    """A style or script of a package, to stand in a page as it is."""
    return Markup(resources.files(package).joinpath(name).read_text(encoding="utf-8"))


def _inert(data: Any) -> Markup:
    """JSON inside a script element: no text in it can end the element."""
    return Markup(json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))


@functools.cache
def _packed_plotly() -> Markup:
    """Plotly in a third of its size; the page unpacks it with the browser's own DecompressionStream."""
    return Markup(base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode())
