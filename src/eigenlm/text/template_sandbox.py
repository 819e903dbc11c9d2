"""The sandbox in which chat templates run: they come with model files, so nothing in them is trusted.

Jinja's own sandbox keeps templates from Python's insides. This one also bounds what they build: every string and
container that an expression makes is measured, before it is made where one operation could make it huge, and the sum
is limited too. Together with a deadline this bounds time and memory. What it renders says of each character whether a
user wrote it.
"""

import json
import re
import threading
from collections.abc import Callable, ItemsView, Iterable, KeysView, Mapping, ValuesView
from datetime import datetime
from functools import wraps
from string import Formatter
from typing import Any

from jinja2 import TemplateError, nodes, pass_environment
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.filters import make_attrgetter
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from eigenlm.text.traced_text import Traced, escaped, joined, safe, traced

SIZE_LIMIT = 1 << 20  # characters and elements of one value
_WORK_LIMIT = 32 * SIZE_LIMIT  # of all values made in one rendering
_INTEGER_BITS = 1024
_FORMAT = re.compile(r"%(\(\w+\))?[-#0 +]*\d{0,2}(\.\d{0,2})?[a-zA-Z%]")
# fmt: off
_OF_VALUES = frozenset((  # what they give is a number, or was in what they are given
    "abs", "count", "d", "default", "dictsort", "first", "float", "groupby", "int", "items", "last", "length", "list",
    "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select", "selectattr", "sort", "unique",
))
_OF_TEXT = frozenset(("indent", "title", "truncate"))  # all that they give is the user's as soon as a part of it was
_STRING_METHODS = frozenset((
    "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdigit", "islower",
    "isnumeric", "isspace", "istitle", "isupper", "join", "lower", "lstrip", "partition", "removeprefix",
    "removesuffix", "replace", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines",
    "startswith", "strip", "swapcase", "title", "upper",
))
# fmt: on
_METHODS: dict[type, frozenset[str]] = {
    str: _STRING_METHODS,
    dict: frozenset(("get", "items", "keys", "values")),
    list: frozenset(("count", "index")),
    tuple: frozenset(("count", "index")),
    int: frozenset(),
    float: frozenset(),
}


def expanded_size(*values: Any) -> int:
    """Characters and elements of nested values, each counted wherever it appears.

    Raises:
        SecurityError: more than `SIZE_LIMIT`.
    """
    size, waiting = 0, list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple, KeysView, ValuesView, ItemsView)):
            waiting.extend(value)
        size += 1
        if size + len(waiting) > SIZE_LIMIT:
            raise SecurityError(f"a value grew beyond {SIZE_LIMIT} characters")
    return size


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """A Jinja environment for chat templates as Hugging Face writes them, with every value bounded."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            extensions=[loopcontrols, _Generation],
            finalize=lambda value: self.made(_printed(value)),
        )
        self._rendering = threading.local()
        kept = {name: filter for name, filter in self.filters.items() if name in _OF_VALUES | _OF_TEXT}
        self.filters = {name: self._guarded(name, filter) for name, filter in (kept | _OWN_FILTERS).items()}
        bounded_range = self.globals["range"]
        self.globals = {
            "range": bounded_range,
            "dict": lambda *pairs, **items: dict(*pairs, **items),
            "namespace": _Variables,
            "raise_exception": _raise_exception,
            "strftime_now": _strftime_now,
        }

    def begin(self) -> None:
        """Start counting for one rendering, in the thread where it runs."""
        self._rendering.work = 0

    def made(self, value: Any) -> Any:
        """Count a value that an expression made, and give it back."""
        self._rendering.work = getattr(self._rendering, "work", 0) + expanded_size(value)
        if self._rendering.work > _WORK_LIMIT:
            raise SecurityError(f"the template built more than {_WORK_LIMIT} characters in all")
        return value

    def concat(self, pieces: Iterable[str]) -> str:
        """Join the output of a macro, a block or the whole template."""
        whole, size = [], 0
        for piece in pieces:
            size += len(piece)
            _bound(size)
            whole.append(piece)
        return self.made(joined(whole))

    def joined(self, *values: Any) -> str:
        """The value of `a ~ b`."""
        expanded_size(values)
        return self.made(joined(map(_printed, values)))

    def sliced(self, value: Any, start: Any, stop: Any, step: Any) -> Any:
        """The value of `value[start:stop:step]`."""
        return self.made(value[start:stop:step])

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Plain values have a few methods that templates use; none of them makes a value much larger than it is."""
        for kind, methods in _METHODS.items():
            if isinstance(obj, kind):
                return attr in methods
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format` with plain fields only: a field with a width could be of any size."""
        filled = super().wrap_str_format(value)
        if filled is None:
            return None
        text = value.__self__

        def bounded(*args: Any, **kwargs: Any) -> str:
            if any(spec for _, _, spec, _ in Formatter().parse(text)):
                raise SecurityError("format takes fields without a width")
            _bound(len(text) + text.count("{") * expanded_size(args, kwargs))
            return traced(filled(*args, **kwargs), text, args, kwargs)

        return bounded

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator, its result measured before it is made."""
        sized = (str, list, tuple)
        if operator == "+":
            expanded_size(left, right)
        elif operator == "%" and isinstance(left, str):
            if "%" in _FORMAT.sub("", left):
                raise SecurityError("formatting with % takes widths of at most two digits")
            _bound(len(left) + left.count("%") * (100 + expanded_size(right)))
            return self.made(traced(left % right, left, right))
        elif operator == "*" and (isinstance(left, sized) or isinstance(right, sized)):
            value, count = (left, right) if isinstance(left, sized) else (right, left)
            _bound(expanded_size(value) * count)
        elif operator in ("*", "**") and isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * abs(right) if operator == "**" else left.bit_length() + right.bit_length()
            if bits > _INTEGER_BITS:
                raise SecurityError(f"an integer grew beyond {_INTEGER_BITS} bits")
        return self.made(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """A call, its arguments and its result measured."""
        owner = getattr(__obj, "__self__", None)
        written = {name: value for name, value in kwargs.items() if name not in ("_loop_vars", "_block_vars")}
        if owner is __self:  # what `_Metered` put there
            return __obj(*args)
        if isinstance(owner, str):
            args = __self._measured(f"str.{__obj.__name__}", owner, *args, **written)[1:]
            __obj = getattr(traced(owner), __obj.__name__)
        expanded_size(args, written)
        return __self.made(super().call(__context, __obj, *args, **kwargs))

    def _guarded(self, name: str, filter: Callable[..., Any]) -> Callable[..., Any]:
        passed = 1 if hasattr(filter, "jinja_pass_arg") else 0

        @wraps(filter)  # keeps the mark that tells Jinja to pass the environment or context
        def guarded(*args: Any, **kwargs: Any) -> Any:
            values = self._measured(name, *args[passed:], **kwargs)
            if name not in _OF_TEXT:
                return self.made(filter(*args[:passed], *values, **kwargs))
            plain = (str.__str__(value) if isinstance(value, str) else value for value in values)
            return self.made(traced(str(filter(*args[:passed], *plain, **kwargs)), values, kwargs))

        return guarded

    def _measured(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Arguments of a filter or string method, once the result is known to stay within bounds."""
        match name:
            case "join" | "str.join":
                place = ("join", "str.join").index(name)
                args = (*args[:place], list(args[place]), *args[place + 1 :])
                around = [len(arg) for arg in (*args, *kwargs.values()) if isinstance(arg, str)]
                _bound(expanded_size(args) + len(args[place]) * max(around, default=0))
            case "replace" | "str.replace":
                if kwargs:
                    raise SecurityError("replace takes its arguments by place")
                text, old, new = map(str, args[:3])
                _bound(len(text) + (len(text) // max(1, len(old)) + 1) * len(new))
            case "indent":
                width = args[1] if len(args) > 1 else kwargs.get("width", 4)
                _bound((str(args[0]).count("\n") + 1) * (width if isinstance(width, int) else len(width)))
            case "round":
                if any(isinstance(arg, int) and arg > 100 for arg in (*args[1:], *kwargs.values())):
                    raise SecurityError("round takes at most 100 places")
        expanded_size(args, kwargs)
        return args

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Metered().visit(super()._parse(source, name, filename))
        return tree.set_environment(self)  # type: ignore[return-value]


class _Metered(NodeTransformer):
    """Sends the expressions that Jinja compiles to plain Python through the sandbox."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _through("joined", node.nodes, node)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        none = nodes.Const(None)
        ends = [part or none for part in (node.arg.start, node.arg.stop, node.arg.step)]
        return _through("sliced", [node.node, *ends], node)

    def visit_List(self, node: nodes.List | nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        return _through("made", [node], node)

    visit_Dict = visit_List

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return _through("made", [node], node) if node.ctx == "load" else node


def _through(method: str, arguments: list[nodes.Expr], node: nodes.Node) -> nodes.Node:
    return nodes.Call(nodes.EnvironmentAttribute(method), arguments, [], None, None).set_lineno(node.lineno)


class _Generation(Extension):
    """`{% generation %}` marks what the assistant wrote; a prompt holds it as it is."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("written"), [], [], body).set_lineno(line)

    def written(self, caller: Callable[[], str]) -> str:
        return caller()


class _Variables(Namespace):
    """Jinja's namespace without private names, and without a text that would repeat what it holds."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, *rest = args
        for name in dict(*rest, **kwargs):
            _public(name)
        Namespace.__init__(self, *rest, **kwargs)

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(_public(name), value)

    def __repr__(self) -> str:
        return "<namespace>"


def _public(name: str) -> str:
    if name.startswith("_"):
        raise SecurityError(f"a namespace holds no private name {name!r}")
    return name


def _bound(size: int) -> None:
    if size > SIZE_LIMIT:
        raise SecurityError(f"a value would grow beyond {SIZE_LIMIT} characters")


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> Traced:
    if (indent or 0) > 8 or max(map(len, separators or ("",))) > 8:
        raise SecurityError("tojson takes an indent and separators of at most 8 characters")
    encoder = json.JSONEncoder(ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    pieces, size = [], expanded_size(value)
    for piece in encoder.iterencode(value):
        size += len(piece)
        _bound(size)
        pieces.append(piece)
    return traced("".join(pieces), value, separators)


def _printed(value: Any) -> Traced:
    """A value as it stands in a text."""
    return traced(str(value), value)


def _replaced(value: Any, old: str, new: str, count: int | None = None) -> Traced:
    return _printed(value).replace(_printed(old), _printed(new), -1 if count is None else count)


@pass_environment
def _joined(environment: TemplateSandbox, value: Any, d: str = "", attribute: Any = None) -> Traced:
    parts = value if attribute is None else map(make_attrgetter(environment, attribute), value)
    return _printed(d).join(map(_printed, parts))


def _raise_exception(message: str) -> None:
    raise TemplateError(str(message))


def _strftime_now(format: str) -> Traced:
    if len(format) > 100 or any(character.isdigit() for character in format):
        raise SecurityError("strftime_now takes a format of at most 100 characters without widths")
    return traced(datetime.now().strftime(format), format)


_OWN_FILTERS: dict[str, Callable[..., Any]] = {
    "capitalize": lambda value: _printed(value).capitalize(),
    "e": lambda value: safe(escaped(_printed(value))),
    "escape": lambda value: safe(escaped(_printed(value))),
    "join": _joined,
    "lower": lambda value: _printed(value).lower(),
    "replace": _replaced,
    "safe": lambda value: safe(_printed(value)),
    "string": _printed,
    "tojson": _tojson,
    "trim": lambda value, chars=None: _printed(value).strip(chars),
    "upper": lambda value: _printed(value).upper(),
}
