"""Draw ``report*.png`` from a real report. Run: python docs/pictures/report.py.

It needs the extra ``browser`` and Chromium with its driver.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

import conserved as cq
from conserved.report import watch, write_report

HERE = Path(__file__).parent
COMMAND = "conserved analyze linear:4-2-1 --symmetry permutation --report out/report.html"


def report(path: Path) -> None:
    """The report that the pictures show."""
    problem = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
    analysis = cq.analyze(problem)
    write_report(analysis, path, watch(analysis), analysis.certificate.to_json(), command=COMMAND)


def shoot(driver: Any, name: str, first: str, last: str, width: int, dark: bool = False) -> None:
    """A picture from the top of one element to the foot of another."""
    sizes = {"width": width, "height": 900, "deviceScaleFactor": 1.5, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sizes)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    driver.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
    )
    top, foot = driver.execute_script(
        "const box = (s) => document.querySelector(s).getBoundingClientRect();"
        "return [box(arguments[0]).top + scrollY, box(arguments[1]).bottom + scrollY]",
        first,
        last,
    )
    top = max(0, top - 16)
    clip = {"x": 0, "y": top, "width": width, "height": foot + 10 - top, "scale": 1}
    options = {"clip": clip, "captureBeyondViewport": True}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", options)
    (HERE / name).write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def main() -> None:
    """Make the report and take the pictures."""
    with tempfile.TemporaryDirectory() as folder, browser() as driver:
        path = Path(folder) / "report.html"
        report(path)
        driver.get(path.as_uri())
        plot = "figure.plot[data-plot='{}']"
        shoot(driver, "report.png", "header", "section[aria-labelledby=laws]", 800)
        shoot(driver, "report-plots.png", plot.format(0), plot.format(1), 800)
        shoot(driver, "report-dark.png", "header", ".directions", 390, dark=True)


if __name__ == "__main__":
    main()
