"""A headless Chromium for tests, driven over a pipe by the DevTools protocol: press, write, click, and read back."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from select import select
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_PATIENCE = 60.0
# Keys that are not one letter: what they type, and the number by which browsers know them.
_KEYS = {"Tab": ("", 9), "Enter": ("\r", 13), "Escape": ("", 27), "End": ("", 35), "Home": ("", 36)}
_KEYS |= {"ArrowLeft": ("", 37), "ArrowUp": ("", 38), "ArrowRight": ("", 39), "ArrowDown": ("", 40)}


class Browser:
    """One Chromium with a profile of its own, for any number of pages one after the other."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        command = [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
        self._process = subprocess.Popen(
            # The protocol speaks on the descriptors 3 and 4; the shell puts the pipes there.
            ["sh", "-c", f'exec "$@" 3</dev/fd/{to_browser} 4>/dev/fd/{from_browser}', "sh", *command],
            pass_fds=(to_browser, from_browser),
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._count, self._rest = 0, b""
        self._pages: dict[str, Page] = {}

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer; pages note the events that come before it."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._count:
                assert "error" not in heard, heard["error"]
                return heard["result"]
            if heard.get("sessionId") in self._pages:
                self._pages[heard["sessionId"]].note(heard["method"], heard["params"])

    def open(self, path: Path, *, width: int = 1280, height: int = 900) -> "Page":
        """A new page that shows a file."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.send(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        page.send("Emulation.setDeviceMetricsOverride", **size)
        page.send("Page.navigate", url=path.as_uri())
        page.wait("document.readyState === 'complete'")
        return page

    def close(self) -> None:
        """End the browser and all its pages."""
        self._process.terminate()
        self._process.wait(_PATIENCE)
        os.close(self._write)
        os.close(self._read)

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select([self._read], [], [], _PATIENCE)[0], f"the browser has said nothing for {_PATIENCE:.0f} s"
            read = os.read(self._read, 1 << 20)
            assert read, "the browser has gone"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


class Page:
    """One open page. `requests` are the addresses it asked for, `errors` what its console complained about."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self.requests: list[str] = []
        self.errors: list[str] = []

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol to this page, and its answer."""
        return self._browser.send(method, self._session, **params)

    def note(self, event: str, said: dict[str, Any]) -> None:
        """Remember an event that a test may ask for."""
        if event == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.errors.append(str(said["exceptionDetails"]))
        elif (event == "Runtime.consoleAPICalled" and said["type"] == "error") or (
            event == "Log.entryAdded" and said["entry"]["level"] == "error"
        ):
            self.errors.append(str(said))

    def evaluate(self, script: str) -> Any:
        """The JSON value of an expression, awaited if it is a promise."""
        told = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true."""
        until = time.monotonic() + _PATIENCE
        while not self.evaluate(condition):
            assert time.monotonic() < until, f"not within {_PATIENCE:.0f} s: {condition}"
            time.sleep(0.02)

    def settle(self) -> None:
        """Until what was set off has been drawn."""
        self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")

    def press(self, key: str, times: int = 1) -> None:
        """A key by its name in the browser: `Enter`, `ArrowDown`, `Tab`, or one letter."""
        text, number = _KEYS.get(key, (key, ord(key[0].upper())))
        for _ in range(times):
            down = {"key": key, "code": key, "text": text, "windowsVirtualKeyCode": number}
            self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **down)
            self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=number)

    def write(self, text: str) -> None:
        """Text, as if typed where the focus is."""
        self.send("Input.insertText", text=text)

    def point(self, selector: str) -> dict[str, float]:
        """Move the mouse to the middle of an element, scrolled to where it can be seen."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{found}.scrollIntoView({{block: 'center', inline: 'center', behavior: 'instant'}})")
        self.settle()
        box = self.evaluate(f"{found}.getBoundingClientRect().toJSON()")
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        self.send("Input.dispatchMouseEvent", type="mouseMoved", **place)
        return place

    def click(self, selector: str) -> None:
        """Press and let go the left button on an element."""
        place = self.point(selector)
        for action in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=action, button="left", clickCount=1, **place)
