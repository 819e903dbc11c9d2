"""Take the picture of a report that README and site show, in headless Chromium: `python -m docs.take_picture PATH`.

Without a browser the picture stays as it is.
"""

import base64
import sys
import tempfile
from pathlib import Path

from tests.browser import CHROMIUM, Browser

import eigenlm

MODEL, WIDTH, HEIGHT, QUALITY = "smollm2-135m-instruct", 1280, 960, 80
_SHOW_THE_MAP = """
const map = document.querySelector("#map-section");
if (map.getBoundingClientRect().bottom > innerHeight) map.scrollIntoView({behavior: "instant"});
"""


def take(report: Path, picture: Path) -> None:
    """The screen of a report that has the map of the model."""
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(Path(profile))
        page = browser.open(report, width=WIDTH, height=HEIGHT)
        page.send("Emulation.setScrollbarsHidden", hidden=True)
        page.evaluate(_SHOW_THE_MAP)
        page.settle()
        told = page.send("Page.captureScreenshot", format="webp", quality=QUALITY)
        browser.close()
    picture.write_bytes(base64.b64decode(told["data"]))


def main() -> None:
    """A report of the small model on the README's own text, and its picture."""
    picture = Path(sys.argv[1])
    if CHROMIUM is None:
        print("No Chromium is to be had: the picture stays as it is.")
        picture.touch()
        return
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.html"
        eigenlm.analyze(MODEL, text=Path("README.md")).report(report)
        take(report, picture)
    print(picture)


if __name__ == "__main__":
    main()
