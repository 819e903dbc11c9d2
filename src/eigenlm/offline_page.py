"""HTML pages that need no network: a template with its style, its script, its data and Plotly all inside."""

import base64
import functools
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from eigenlm.errors import visible


def fill(
    package: str, template: str, data: Any, values: Mapping[str, Any], filters: Mapping[str, Callable[..., str]]
) -> str:
    """A template of a package filled in; it also has `data` as JSON and `plotly`, packed, and `page_head.html`.

    Args:
        package: where the template and what it includes lie.
        template: its file name.
        data: plain JSON values for the page's script.
        values: what the template names.
        filters: how it writes them.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(each, ".") for each in (package, "eigenlm")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    page = environment.get_template(template).render(data=_inert(data), plotly=_packed_plotly(), **values)
    return visible(page)


def part(package: str, *names: str) -> Markup:
    """Styles or scripts of a package, one after the other, to stand in a page as they are."""
    folder = resources.files(package)
    return Markup("\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names))


def packed(content: str | bytes) -> Markup:
    """Text or bytes in a fraction of their size, that a page unpacks with the browser's own DecompressionStream."""
    content = content.encode() if isinstance(content, str) else content
    return Markup(base64.b64encode(gzip.compress(content, mtime=0)).decode())


def policy(*scripts: str) -> Markup:
    """A content security policy: only these scripts may run, and nothing is fetched from anywhere.

    Args:
        scripts: each exactly as it stands between its tags; without any, none may run.
    """
    allowed = " ".join(f"'{_fingerprint(script)}'" for script in scripts) or "'none'"
    return Markup(
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def as_json(data: Any) -> str:
    """JSON in which no text holds a control or turns what follows it."""
    return json.dumps(_visible(data), allow_nan=False, separators=(",", ":"))


def _visible(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {visible(key) if isinstance(key, str) else key: _visible(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_visible(value) for value in data]
    return visible(data) if isinstance(data, str) else data


def _inert(data: Any) -> Markup:
    """JSON inside a script element: no text in it can end the element."""
    return Markup(as_json(data).replace("<", "\\u003c"))


@functools.cache
def _fingerprint(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@functools.cache
def _packed_plotly() -> Markup:
    return packed(get_plotlyjs())
