"""A real browser without a window, and what it says of a page.

It needs ``selenium`` (the extra ``browser``) and, from the system, Chromium with its driver
(Debian: ``apt-get install chromium chromium-driver``).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

MISSING = "apt-get install chromium chromium-driver; pip install 'conserved[browser]'"


class Browser:
    """One headless Chromium; every page starts with empty logs."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver = driver
        self.downloads = downloads

    def open(self, page: str, folder: Path, name: str = "report.html") -> None:
        path = folder / name
        path.write_text(page, "utf-8")
        self.console(), self.requests()
        self.driver.get(path.as_uri())

    def console(self) -> list[str]:
        """Errors and warnings since last asked."""
        log = self.driver.get_log("browser")
        return [entry["message"] for entry in log if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[str]:
        """Addresses asked for since last asked, beside files and data in the page itself."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        asked = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        addresses = [event["request"]["url"] for event in asked]
        return [url for url in addresses if not url.startswith(("file:", "data:"))]

    def js(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def cdp(self, method: str, **parameters: Any) -> Any:
        return self.driver.execute_cdp_cmd(method, parameters)

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def every(self, selector: str) -> list[Any]:
        found: list[Any] = self.driver.find_elements("css selector", selector)
        return found

    def settle(self) -> None:
        """Two frames: what was asked for is drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
        )

    def resize(self, width: int, height: int = 800) -> None:
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def scheme(self, value: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": value}
        self.cdp("Emulation.setEmulatedMedia", features=[feature])


def without_policy(page: str) -> str:
    """The page, free to do what its content security policy forbids."""
    start = page.index('<meta http-equiv="Content-Security-Policy"')
    return page[:start] + page[page.index(">", start) + 1 :]


@contextmanager
def chromium(downloads: Path) -> Iterator[Browser]:
    """Start it, or skip with what to install."""
    selenium = pytest.importorskip("selenium.webdriver", reason=MISSING)
    from selenium.webdriver.chrome.service import Service

    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip(MISSING)
    options = selenium.ChromeOptions()
    options.binary_location = program
    # the sandbox does not start for root, as whom containers run tests
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    session = selenium.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(session, downloads)
    finally:
        session.quit()


def ink(browser: Browser, canvas: object) -> int:
    """How many pixels are drawn on."""
    count = browser.js(
        "const c = arguments[0];"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n",
        canvas,
    )
    assert isinstance(count, int)
    return count
