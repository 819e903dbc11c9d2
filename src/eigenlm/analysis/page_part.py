"""What a section puts on the page: HTML, a script, columns of the table of matrices, and what is drawn of each."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from markupsafe import Markup

from eigenlm.analysis.figure import figure
from eigenlm.analysis.term import read_terms
from eigenlm.offline_page import fill

Cell = str | int | float | list[float | None] | None
"""A text, a number, or a number with the ends of its interval."""

Style = Literal["number", "percent", "rank", "text"]
Scale = Literal["linear", "log"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the table of matrices.

    Attributes:
        key: names it in addresses, in filters and among the terms.
        group: the columns that are shown with it; empty if it is always shown.
        cell: what stands in a row, given what the section has of its matrix.
        style: how it is written; a `rank` is drawn as a share of the full rank too.
        map: how it colours the map of the model; None if it does not.
    """

    key: str
    group: str
    cell: Callable[[Any], Cell]
    style: Style = "number"
    map: Scale | None = None


@dataclass(frozen=True, kw_only=True)
class PagePart:
    """One section's part of the page.

    Attributes:
        html: what it shows, elements of class `section` with ids; empty if it has columns alone.
        links: the id and the heading of each of them.
        of_matrix: whether it shows the selected matrix, and so stands above the table.
        script: draws it; `whenStarted`, `whenChanged` and `whenLoaded` in `state.js` say when.
        data: what the script finds as `data.NAME`, as plain JSON values.
        rows: what the columns read, by the matrix's name.
        columns: its columns of the table of matrices.
        curves: what the charts of one matrix draw, by the matrix's name, as plain JSON values.
    """

    html: str = ""
    links: tuple[tuple[str, str], ...] = ()
    of_matrix: bool = False
    script: str = ""
    data: Any = None
    rows: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    curves: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


_FILTERS: dict[str, Callable[..., str]] = {"figure": figure, "percent": "{:.1%}".format}


def filled(package: str, template: str, values: Mapping[str, Any], data: Any = None) -> Markup:
    """A template of a package filled in; in it `term(key, label)` is a word that is explained on hover.

    Args:
        package: where the template lies, and the terms whose own labels it uses.
        template: its file name.
        values: what it names.
        data: plain JSON values for a script in it.
    """
    labels = {key: term.label for words in read_terms(package).values() for key, term in words.items()}

    def term(key: str, label: str = "") -> Markup:
        element = '<dfn class="term" tabindex="0" data-term="{0}" aria-describedby="term-{0}">{1}</dfn>'
        return Markup(element).format(key, label or labels[key])

    return Markup(fill(package, template, data, {"term": term, **values}, _FILTERS))


def field_column(group: str, path: str, style: Style = "number", map: Scale | None = None, key: str = "") -> Column:
    """A column that is one field of a row, such as `noise.num_spikes`; its key is the field's name unless given."""
    name = key or path.rpartition(".")[2]
    return Column(key=name, group=group, cell=functools.partial(read_field, path), style=style, map=map)


def read_field(path: str, row: Any) -> Any:
    """What stands at the end of a path of attributes; None as soon as there is nothing on the way."""
    return functools.reduce(lambda part, name: None if part is None else getattr(part, name), path.split("."), row)
