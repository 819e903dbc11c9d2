"""Run the blocks of one page in order, as a reader would: `python -m docs.run_blocks`, JSON in and JSON out.

Standard input has `[language, text]` pairs. Shell blocks run by bash in the folder the page works in; Python blocks
share one namespace, and what their last line gives is shown as a notebook would show it.
"""

import ast
import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PLOTLY = "plotly.min.js"
_BODY = '<body style="margin: 0; overflow: hidden">'


def shell(text: str) -> dict[str, str]:
    """What commands print on standard output."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    plain = os.environ | {"PATH": path, "COLUMNS": "80", "NO_COLOR": "1"}
    done = subprocess.run(["bash", "-e", "-c", text], env=plain, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"exit code {done.returncode} of\n{text}\n{done.stderr}")
    return {"text": "\n".join(line.rstrip() for line in done.stdout.splitlines())}


def python(text: str, names: dict[str, Any]) -> dict[str, str]:
    """What a block prints, and its last value: a chart, a table, or its repr."""
    tree = ast.parse(text)
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "block", "exec"), names)
        value = eval(compile(last, "block", "eval"), names) if last else None
        if hasattr(value, "to_html") and hasattr(value, "update_layout"):
            page = value.to_html(include_plotlyjs=PLOTLY).replace("<body>", _BODY)
            return {"text": printed.getvalue(), "chart": page}
        if hasattr(value, "_repr_html_"):
            return {"text": printed.getvalue(), "html": value._repr_html_()}
        if value is not None:
            print(repr(value))
    return {"text": printed.getvalue()}


def main() -> None:
    """Standard input to standard output."""
    names: dict[str, Any] = {"__name__": "__main__"}
    given = json.load(sys.stdin)
    json.dump([shell(text) if language == "sh" else python(text, names) for language, text in given], sys.stdout)


if __name__ == "__main__":
    main()
