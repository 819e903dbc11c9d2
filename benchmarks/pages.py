"""Every page in headless Chromium: at 1,400 and 390 pixels, light and dark; with axe-core, and with the keyboard alone.

`python benchmarks/pages.py --axe node_modules/axe-core/axe.min.js --text FILE [--pictures FOLDER]`; axe-core is from
npm (`npm install axe-core`). The pages are of SmolLM2 with a text, of SmolLM2 and a smaller one (and a third), of a
race, and of the tour. Without Chromium it says so in one line and ends.
"""

import argparse
import base64
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from record import record

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.bench.race.simulated import plan, result
from tests.browser import CHROMIUM, Browser, Page

import eigenlm
from eigenlm.bench.race.page import write_page

MODEL = "smollm2-135m-instruct"
SIZES = {"wide": (1400, 900), "phone": (390, 844)}
SERIOUS = ("serious", "critical")
READY = "!document.getElementById('plotly') || document.documentElement.classList.contains('drawn')"
# Words that a chart writes over its own lines: the boxes of annotations inside the area that is plotted.
COVERED = """[...document.querySelectorAll('.js-plotly-plot')].flatMap((chart) => {
  const area = chart.querySelector('.nsewdrag')?.getBoundingClientRect();
  return !area ? [] : [...chart.querySelectorAll('.annotation-text')].map((text) => text.getBoundingClientRect())
    .filter((box) => box.width && box.bottom > area.top + 2 && box.top < area.bottom - 2)
    .filter((box) => box.right > area.left && box.left < area.right)
    .map(() => chart.id);
})"""
REACHABLE = 'a[href], button, input, summary, [tabindex="0"]'
REACHED = (
    "document.activeElement.closest('section, header')?.id || document.activeElement.closest('header')?.tagName || ''"
)
SECTIONS = """[...document.querySelectorAll('main section')]
  .filter((one) => one.offsetHeight)
  .filter((one) => [...one.querySelectorAll('REACHABLE')].some((each) => each.offsetHeight))
  .map((one) => one.id)""".replace("REACHABLE", REACHABLE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axe", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    if CHROMIUM is None:
        print("no Chromium on this machine: nothing was checked")
        return
    with tempfile.TemporaryDirectory() as folder:
        pages = written(Path(folder), given.text)
        browser = Browser(Path(folder) / "profile")
        figures = checked(browser, pages, given.axe.read_text(), given.pictures)
        browser.close()
    sys.argv[1:] = ["--axe", given.axe.name, "--text", given.text.name]
    record("pages", figures)


def written(folder: Path, text: Path) -> dict[str, Path]:
    """The pages that a user can have."""
    lm = eigenlm.load(MODEL)
    for keep in (0.9, 0.7):
        eigenlm.apply(eigenlm.plan(lm, keep=keep, calibration=text, tokens=2048)).save(folder / f"keep-{keep}")
    eigenlm.analyze(MODEL, text=text).report(folder / "analysis.html")
    first, second = (eigenlm.compare(MODEL, folder / f"keep-{keep}") for keep in (0.9, 0.7))
    first.report(folder / "two.html")
    first.report(folder / "three.html", second)
    write_page(result(plan()), folder / "race.html")
    subprocess.run(
        [sys.executable, "-m", "eigenlm", "tour", "--out", folder / "tour"], stdout=subprocess.DEVNULL, check=True
    )
    (folder / "tour" / "report.html").rename(folder / "tour.html")
    return {path.stem: path for path in sorted(folder.glob("*.html"))}


def checked(browser: Browser, pages: dict[str, Path], axe: str, pictures: Path | None) -> dict[str, Any]:
    """What was found on each page, at each size and in each scheme of colours."""
    found: dict[str, Any] = {}
    for name, path in pages.items():
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                page = browser.open(path, width=width, height=height)
                page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
                page.wait(READY)
                page.settle()
                found[f"{name} {size} {scheme}"] = told = looked(page, axe)
                print(f"{name} {size} {scheme}: {told}", flush=True)
                if pictures is not None:
                    photographed(page, pictures / f"{name}-{size}-{scheme}", width)
                page.send("Page.close")
    return found


def looked(page: Page, axe: str) -> dict[str, Any]:
    """Findings of axe, what was asked of the network, complaints, words over lines, and what Tab does not reach."""
    page.evaluate(axe + ";0")
    ran = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    serious = [one for one in ran if one["impact"] in SERIOUS]
    return {
        "serious": {one["id"]: [node["target"][0] for node in one["nodes"]][:5] for one in serious},
        "lesser": {one["id"]: len(one["nodes"]) for one in ran if one["impact"] not in SERIOUS},
        "requests": sum(not request.startswith(("data:", "file:")) for request in page.requests),
        "errors": page.errors,
        "words_over_lines": page.evaluate(COVERED),
        "sideways": page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"),
        "not_reached_by_tab": unreached(page),
    }


def unreached(page: Page) -> list[str]:
    """The sections with something to press that Tab, from the top of the page on, never enters."""
    wanted, seen = set(page.evaluate(SECTIONS)), set()
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    for _ in range(400):
        page.press("Tab")
        seen.add(page.evaluate(REACHED))
        if wanted <= seen:
            break
    return sorted(wanted - seen)


def photographed(page: Page, path: Path, width: int) -> None:
    """The first screen, and the whole page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    page.settle()
    for part, more in (("first", {}), ("whole", {"captureBeyondViewport": True})):
        clip = {}
        if more:
            height = page.evaluate("document.documentElement.scrollHeight")
            clip = {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}
        told = page.send("Page.captureScreenshot", format="png", **more, **clip)
        path.with_name(f"{path.name}-{part}.png").write_bytes(base64.b64decode(told["data"]))


if __name__ == "__main__":
    main()
