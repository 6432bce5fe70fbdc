"""The page of a run in a real browser: live, offline, by keyboard, narrow, dark, hostile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from conserved.monitor import Live, Run, offline_page
from tests.monitor import logs
from tests.monitor.serving import served, until
from tests.report.browser import Browser, without_policy

pytestmark = pytest.mark.slow

FIGURES = ("worst", "metrics", "drift", "left")


def opened(path: Path) -> Run:
    return Run(path, Path(mkdtemp(dir=path.parent)))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    run = opened(logs.finished(tmp_path_factory.mktemp("run") / "run.jsonl", 3000))
    with served(run) as server:
        yield server


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = opened(logs.finished(tmp_path_factory.mktemp("run") / "run.jsonl", 3000))
    run.update()
    return offline_page(run)


def visit(browser: Browser, live: Live) -> None:
    browser.console(), browser.requests()
    browser.driver.get(live.address)
    until(lambda: len(browser.every("figure.live canvas")) == 4)
    browser.settle()


def ink(browser: Browser, name: str) -> int:
    """How many pixels of a figure are drawn on."""
    count = browser.js(
        "const c = document.querySelector(`#${arguments[0]} canvas`);"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n",
        name,
    )
    assert isinstance(count, int)
    return count


def shown(browser: Browser, name: str) -> tuple[float, float]:
    text = browser.js(
        "return document.querySelector(`#${arguments[0]} .canvas`).dataset.range", name
    )
    low, high = map(float, text.split())
    return low, high


def test_it_renders_and_asks_its_own_server_alone(browser: Browser, live: Live) -> None:
    visit(browser, live)
    for name in FIGURES:
        assert ink(browser, name) > 500
    assert browser.console() == []
    asked = browser.requests()
    assert len(asked) > 4
    assert [url for url in asked if not url.startswith(live.address)] == []


def test_the_file_loads_nothing(browser: Browser, page: str, tmp_path: Path) -> None:
    assert len(page.encode()) < 500_000
    browser.open(page, tmp_path)
    browser.settle()
    for name in FIGURES:
        assert ink(browser, name) > 500
    assert browser.console() == []
    assert browser.requests() == []


def test_it_follows_the_run(browser: Browser, tmp_path: Path) -> None:
    path = logs.write(tmp_path / "run.jsonl", logs.head(), *(logs.step(n) for n in range(1, 30)))
    with served(opened(path)) as live:
        visit(browser, live)
        assert shown(browser, "worst") == (1, 29)
        assert "violated" not in browser.one("tr[data-law='2'] .verdict").text
        event = {"kind": "event", "step": 60, "what": "violated", "law": 2, "text": "head.weight"}
        more = [logs.step(n) for n in range(30, 400)]
        logs.write(path, *more[:30], event, *more[30:], mode="a")
        until(lambda: shown(browser, "drift") == (1, 399))
        assert "violated since step 60" in browser.one("tr[data-law='2'] .verdict").text
        assert browser.driver.title == "✗ 1 violated: run.jsonl: Block, watched"
        assert "head.weight" in browser.one("#events-section tbody").text
        assert browser.one("[data-outcome='0'] b").text == "1"
        assert "step 399" in browser.one("#status").text
        logs.write(path, logs.verdict(399, ("conserved",) * 3), mode="a")
        until(lambda: "the run is closed" in browser.one("#status").text)
        assert "conserved" in browser.one("tr[data-law='2'] .verdict").text
        assert browser.console() == []
    until(lambda: "does not answer" in browser.one("#status").text)


def test_a_zoom_asks_for_single_steps_and_stays(browser: Browser, tmp_path: Path) -> None:
    """Of 5,000 steps on some hundred pixels a spike of one step is seen, and found by zooming."""
    rows = [logs.step(n) for n in range(1, 5001)]
    rows[2345]["residual"][1] = 77.0
    path = logs.write(tmp_path / "run.jsonl", logs.head(), *rows)
    with served(opened(path)) as live:
        visit(browser, live)
        for _ in range(7):
            canvas = browser.one("#worst .canvas")
            point(browser, 2346)
            canvas.send_keys("+")
            browser.settle()
        low, high = shown(browser, "worst")
        assert high - low < 60
        until(lambda: step_width(browser) == 1)
        assert reading(browser, 2346) == "77"
        assert float(reading(browser, 2345)) < 50
        logs.write(path, *(logs.step(n) for n in range(5001, 5100)), mode="a")
        until(lambda: "step 5,099" in browser.one("#status").text)
        assert shown(browser, "worst") == (low, high)
        browser.one("#worst [data-zoom=reset]").click()
        until(lambda: shown(browser, "worst") == (1, 5099))
        assert browser.console() == []


def point(browser: Browser, step: int) -> None:
    """Move the cursor of the first figure to a step, with the arrow keys' own means."""
    browser.js(
        "const [figure, over] = ['#worst .canvas', '#worst .u-over'].map((s) =>"
        " document.querySelector(s));"
        "const box = over.getBoundingClientRect(), [a, b] = figure.dataset.range.split(' ');"
        "const clientX = box.left + (arguments[0] - a) / (b - a) * box.width;"
        "const at = {clientX, clientY: box.top + 20, bubbles: true};"
        "over.dispatchEvent(new MouseEvent('mousemove', at))",
        step,
    )
    browser.settle()


def pointed(browser: Browser, step: int) -> str:
    """What the figure says while the cursor is there; it follows when the page finds time."""
    point(browser, step)
    return str(browser.one("#worst .shown").text)


def reading(browser: Browser, step: int) -> str:
    until(lambda: pointed(browser, step) == f"at step {step}")
    return str(browser.one("#worst .legend output").text)


def step_width(browser: Browser) -> float:
    """Steps between two columns."""
    from selenium.webdriver.common.keys import Keys

    canvas = browser.one("#worst .canvas")
    places = []
    for key in (Keys.HOME, Keys.ARROW_RIGHT):
        canvas.send_keys(key)
        browser.settle()
        text = str(canvas.get_attribute("aria-valuetext"))
        places.append(float(text.partition(":")[0].removeprefix("step ")))
    return places[1] - places[0]


def test_laws_are_chosen_found_and_filtered(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.open(page, tmp_path)
    browser.settle()
    button = browser.one("tr[data-law='0'] .law")
    assert button.get_attribute("aria-pressed") == "true"
    entries = len(browser.every("#drift .legend li"))
    button.click()
    browser.settle()
    assert button.get_attribute("aria-pressed") == "false"
    assert len(browser.every("#drift .legend li")) == entries - 2
    button.click()
    browser.settle()
    assert len(browser.every("#drift .legend li")) == entries
    browser.one("#find").send_keys("embed head")
    assert [row.get_attribute("data-law") for row in seen(browser)] == ["2"]
    assert browser.one("#found").text == "1 of 3"
    for _ in range(10):
        browser.one("#find").send_keys("\b")
    browser.one("[data-outcome='3']").click()
    assert [row.get_attribute("data-law") for row in seen(browser)] == ["0"]
    browser.one("[data-outcome='3']").click()
    assert len(seen(browser)) == 3
    for row in ("0", "1", "2"):
        browser.one(f"tr[data-law='{row}'] .law").click()
    browser.settle()
    assert not browser.one("#drift").is_displayed()
    assert browser.console() == []


def seen(browser: Browser) -> list[Any]:
    return [row for row in browser.every("tr[data-law]") if row.is_displayed()]


def test_all_of_it_by_keyboard(browser: Browser, live: Live) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    visit(browser, live)
    canvas = browser.one("#worst .canvas")
    browser.js("arguments[0].focus()", canvas)
    canvas.send_keys(Keys.HOME)
    assert str(canvas.get_attribute("aria-valuetext")).startswith("step 1: beyond")
    canvas.send_keys("+")
    browser.settle()
    assert shown(browser, "worst") != (1, 3000)
    canvas.send_keys("0")
    browser.settle()
    assert shown(browser, "worst") == (1, 3000)
    visit(browser, live)
    met: set[str] = set()
    for _ in range(80):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        name, outlined = browser.js(
            "const e = document.activeElement, s = getComputedStyle(e);"
            "return [e.id || e.className || e.tagName, s.outlineStyle !== 'none']"
        )
        if name == "BODY":  # past the last
            break
        assert outlined, name
        met.add(name.split()[0] if name else "")
    assert {"skip", "canvas", "find", "law"} <= met
    row = browser.one("tr[data-law='1'] .law")
    row.send_keys(Keys.SPACE)
    assert row.get_attribute("aria-pressed") == "false"
    row.send_keys(Keys.ENTER)
    assert row.get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("width", [320, 390, 700, 1200])
def test_nothing_is_wider_than_the_screen(
    browser: Browser, page: str, tmp_path: Path, width: int
) -> None:
    browser.resize(width)
    browser.open(page, tmp_path)
    browser.settle()
    assert browser.js("return document.documentElement.scrollWidth") <= width
    for name in FIGURES:
        assert ink(browser, name) > 300


def test_the_dark_page_is_dark(browser: Browser, page: str, tmp_path: Path) -> None:
    light = background(browser, page, tmp_path)
    browser.scheme("dark")
    browser.settle()
    assert brightness(browser) < 60 < 200 < light
    for name in FIGURES:
        assert ink(browser, name) > 500
    text = browser.js("return getComputedStyle(document.querySelector('.law')).color")
    assert min(map(int, text.strip("rgb()").split(", "))) > 150


def background(browser: Browser, page: str, tmp_path: Path) -> float:
    browser.open(page, tmp_path)
    browser.settle()
    return brightness(browser)


def brightness(browser: Browser) -> float:
    colour = browser.js("return getComputedStyle(document.body).backgroundColor")
    parts = [int(part) for part in colour.strip("rgb()").split(", ")[:3]]
    return sum(parts) / 3


@pytest.mark.parametrize("offline", [True, False])
def test_hostile_names_stay_names(browser: Browser, tmp_path: Path, offline: bool) -> None:
    payload = "</script><img src=x onerror=alert(1)><script>alert(2)</script>"
    head = logs.head([logs.law(payload, [payload])], model=payload, optimizer=payload)
    event = {"kind": "event", "step": 2, "what": payload, "law": 0, "text": payload}
    rows = [logs.step(n, laws=1, metrics={payload: 1.0}) for n in range(1, 9)]
    path = logs.write(tmp_path / "run.jsonl", head, rows[0], event, *rows[1:])
    if offline:
        run = opened(path)
        run.update()
        page = offline_page(run)
        for shown_page in (page, without_policy(page)):
            browser.open(shown_page, tmp_path)
            browser.settle()
            check_hostile(browser, payload)
        return
    with served(opened(path)) as live:
        visit(browser, live)
        more = [logs.step(n, laws=1, metrics={payload: 2.0}) for n in range(9, 12)]
        verdicts = [{"law": 0, "outcome": "violated", "since": 1, "reason": payload}]
        verdict = {"kind": "verdict", "step": 11, "verdicts": verdicts}
        logs.write(path, *more, {**event, "step": 11}, verdict, mode="a")
        until(lambda: "violated" in browser.one(".verdict").text)
        check_hostile(browser, payload)


def check_hostile(browser: Browser, payload: str) -> None:
    assert browser.every("img") == []
    assert browser.js("return document.querySelectorAll('script').length") == 4
    assert payload in browser.one("h1").text
    assert payload in browser.one(".law").text
    assert payload in browser.one("#events-section tbody").text
    assert browser.console() == []


def test_a_planted_error_is_seen(browser: Browser, page: str, tmp_path: Path) -> None:
    """The check of the console refuses."""
    free = without_policy(page)
    browser.open(free.replace('"use strict";', '"use strict"; nothing();'), tmp_path)
    assert any("nothing is not defined" in line for line in browser.console())
