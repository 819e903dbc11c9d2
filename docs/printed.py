"""A hook of MkDocs: under each block marked `run` stands what it printed, from a run of the page made by this build.

A page is run again when one of its blocks or a source file has changed; `.cache/docs` keeps what it printed.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File
from plotly.offline import get_plotlyjs

from docs.blocks import Block, blocks
from docs.run_blocks import PLOTLY

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache" / "docs"
NOTEBOOK = "examples/see_decide_act_measure.ipynb"
_LINK = re.compile(r"\]\(((?:\.\./)+[^)#]+)\)")
_OUTSIDE = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//", re.IGNORECASE)


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """The page with what its blocks print; the page of the notebook is the notebook."""
    if page.file.src_uri == "how-to/notebook.md":
        markdown = notebook() + markdown
    markdown = _LINK.sub(lambda link: f"]({inside(link[1], page, config, files)})", markdown)
    shown = [block for block in blocks(markdown, "sh", "python") if block.mark == "run"]
    for number, (block, printed) in reversed(list(enumerate(zip(shown, outputs(page.file.src_uri, shown))))):
        source = f"```{block.language}\n{block.text}```\n"
        below = f'\n````text title="prints"\n{printed["text"].rstrip()}\n````\n' if printed["text"].strip() else ""
        below += f'\n<div class="shown">{printed["html"]}</div>\n' if "html" in printed else ""
        if "chart" in printed:
            name = f"charts/{page.file.name}-{number}.html"
            add(files, config, name, printed["chart"])
            add(files, config, f"charts/{PLOTLY}", get_plotlyjs())
            there = os.path.relpath(name, Path(page.file.dest_uri).parent)
            below += f'\n<iframe class="chart" src="{there}" title="The chart that the lines above draw"></iframe>\n'
        markdown = markdown[: block.start] + source + below + markdown[block.end :]
    return markdown


def on_post_build(config: Any) -> None:
    """Refuse a site that would ask the network for anything as it is opened."""
    asking = {page.name for page in Path(config.site_dir).rglob("*.html") if _OUTSIDE.search(page.read_text("utf-8"))}
    if asking:
        raise SystemExit(f"these pages would load something from another host: {', '.join(sorted(asking))}")


def notebook() -> str:
    """The cells of the notebook as a page, those with code to be run."""
    cells = json.loads((ROOT / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    texts = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    page = "\n".join(f"```python run\n{text}\n```\n" if kind == "code" else f"\n{text}\n" for kind, text in texts)
    return page.replace('Path("../', 'Path("')


def outputs(page: str, shown: list[Block]) -> list[dict[str, str]]:
    """What each block of a page prints, run in order in a folder that has the README and the recipes."""
    given = json.dumps([[block.language, block.text] for block in shown])
    sources = [path.read_bytes() for path in sorted((ROOT / "src").rglob("*.py"))] if shown else []
    key = hashlib.sha256(b"\0".join([given.encode(), *sources])).hexdigest()
    kept = CACHE / f"{page.replace('/', '-')}.json"
    if kept.exists() and (found := json.loads(kept.read_text(encoding="utf-8")))["key"] == key:
        return found["outputs"]
    if not shown:
        return []
    print(f"running the blocks of docs/{page}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("README.md", "recipes"):
            (Path(folder) / name).symlink_to(ROOT / name)
        command = [sys.executable, "-m", "docs.run_blocks"]
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, input=given, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"a block of docs/{page} failed")
    CACHE.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"key": key, "outputs": json.loads(done.stdout)}), encoding="utf-8")
    return json.loads(done.stdout)


def inside(link: str, page: Any, config: Any, files: Any) -> str:
    """A link to a file of the project outside docs/ leads to a copy of it in the site."""
    target = (ROOT / "docs" / page.file.src_uri).parent.joinpath(link).resolve().relative_to(ROOT)
    if target.parts[0] == "docs" or not (ROOT / target).is_file():
        return link
    copy = f"project/{target}.txt"
    add(files, config, copy, (ROOT / target).read_text(encoding="utf-8"))
    return os.path.relpath(copy, Path(page.file.src_uri).parent)


def add(files: Any, config: Any, name: str, content: str) -> None:
    """A file of the site that stands in no folder."""
    if files.get_file_from_path(name) is None:
        files.append(File.generated(config, name, content=content))
