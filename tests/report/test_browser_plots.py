"""The plots of the report in a real browser: zoomed, read and hidden, by mouse and keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from conserved.report import render
from tests.report import samples
from tests.report.browser import Browser, ink

pytestmark = pytest.mark.slow


def shown(browser: Browser, figure: object) -> tuple[float, float]:
    text = browser.js("return arguments[0].querySelector('.canvas').dataset.range", figure)
    low, high = map(float, text.split())
    return low, high


def drag(browser: Browser, figure: object, start: float, stop: float) -> None:
    """Press, move and let go, at shares of the width of the plot."""
    from selenium.webdriver import ActionChains

    over = figure.find_element("css selector", ".u-over")  # type: ignore[attr-defined]
    browser.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", over)
    width = over.size["width"]
    chain = ActionChains(browser.driver, duration=20)
    chain.move_to_element_with_offset(over, round((start - 0.5) * width), 0).click_and_hold()
    chain.move_by_offset(round((stop - start) * width / 2), 0)
    chain.move_by_offset(round((stop - start) * width / 2), 0).release().perform()
    browser.settle()


def test_dragging_zooms_and_a_double_click_shows_all(
    browser: Browser, page: str, tmp_path: Path
) -> None:
    from selenium.webdriver import ActionChains

    browser.open(page, tmp_path)
    for figure in browser.every("figure.plot"):
        whole = shown(browser, figure)
        drag(browser, figure, 0.25, 0.75)
        low, high = shown(browser, figure)
        assert whole[0] < low < high < whole[1]
        over = figure.find_element("css selector", ".u-over")
        ActionChains(browser.driver).double_click(over).perform()
        browser.settle()
        assert shown(browser, figure) == pytest.approx(whole)
    first = browser.one("figure.plot")
    drag(browser, first, 0.25, 0.75)
    low, high = shown(browser, first)
    assert (low, high) == pytest.approx((10, 30), abs=0.5)
    assert browser.console() == []


def test_buttons_zoom(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.open(page, tmp_path)
    figure = browser.one("figure.plot")
    buttons = {name: browser.one(f"[data-zoom={name}]") for name in ("in", "out", "reset")}
    whole = shown(browser, figure)
    assert not buttons["reset"].is_enabled()
    buttons["in"].click()
    browser.settle()
    assert shown(browser, figure) == pytest.approx((10, 30))
    assert buttons["reset"].is_enabled()
    buttons["out"].click()
    browser.settle()
    assert shown(browser, figure) == pytest.approx(whole)
    buttons["in"].click()
    buttons["reset"].click()
    browser.settle()
    assert shown(browser, figure) == whole


def test_pointing_reads_the_curves(browser: Browser, page: str, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    browser.open(page, tmp_path)
    figure = browser.one("figure.plot")
    outputs = figure.find_elements("css selector", ".legend output")
    assert [output.text for output in outputs] == ["", "", ""]
    over = figure.find_element("css selector", ".u-over")
    browser.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", over)
    readings = []
    for share in (-0.4, 0.0, 0.4):
        place = round(share * over.size["width"])
        ActionChains(browser.driver).move_to_element_with_offset(over, place, 5).perform()
        browser.settle()
        readings.append([float(output.text) for output in outputs])
    balance, span, moving = zip(*readings, strict=True)
    assert balance == pytest.approx((1.5,) * 3)  # flat, and said to be
    assert span == pytest.approx((0.3,) * 3)
    assert moving[0] < moving[1] < moving[2] < 2.0


def test_a_curve_can_be_hidden(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.open(page, tmp_path)
    browser.settle()
    canvas, button = browser.one("figure.plot canvas"), browser.one(".legend button")
    before = ink(browser, canvas)
    button.click()
    browser.settle()
    assert button.get_attribute("aria-pressed") == "false"
    assert ink(browser, canvas) < before
    button.click()
    browser.settle()
    assert ink(browser, canvas) == before


def test_what_is_constant_looks_constant(browser: Browser, tmp_path: Path) -> None:
    """Rounding noise is not blown up: 1 + 10⁻¹⁵ noise spans no more than a pixel or two."""
    from conserved.report import Evidence, Plot, Series

    noise = [1 + (-1) ** i * 1e-15 for i in range(100)]
    plot = Plot("t", "", "time", "h", range(100), (Series("h", noise),))
    browser.open(render(samples.analysis(), Evidence("s", plots=(plot,))), tmp_path)
    browser.settle()
    labels = browser.js("return document.querySelector('[data-plot]').innerText")
    assert "NaN" not in labels
    rows = browser.js(
        "const c = document.querySelector('.canvas canvas'), g = c.getContext('2d');"
        "const x = Math.round(c.width * 0.6), d = g.getImageData(x, 0, 1, c.height).data;"
        "const s = getComputedStyle(document.querySelector('.legend line')).stroke"
        ".match(/\\d+/g).map(Number); let n = 0;"
        "for (let i = 0; i < d.length; i += 4)"
        " n += Math.abs(d[i] - s[0]) + Math.abs(d[i + 1] - s[1]) + Math.abs(d[i + 2] - s[2]) < 40;"
        "return n"
    )
    assert 1 <= rows <= 4


# ------------------------------------------------------------------ keyboard and screen reader


def test_a_plot_is_read_with_the_keyboard(browser: Browser, page: str, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(page, tmp_path)
    canvas, figure = browser.one(".canvas"), browser.one("figure.plot")
    browser.js("arguments[0].focus()", canvas)

    def press(*keys: str) -> str:
        canvas.send_keys(*keys)
        browser.settle()
        return str(canvas.get_attribute("aria-valuetext"))

    assert press(Keys.HOME).startswith("time 0: balance 1.5, range 0.3, ‖W1‖² 1")
    assert press(Keys.END).startswith("time 40: balance 1.5")
    assert int(canvas.get_attribute("aria-valuenow")) == int(canvas.get_attribute("aria-valuemax"))
    left = press(Keys.ARROW_LEFT)
    assert left != press(Keys.SHIFT + Keys.ARROW_LEFT + Keys.NULL)
    whole = shown(browser, figure)
    press("+")
    assert shown(browser, figure)[0] > whole[0]
    press("0")
    assert shown(browser, figure) == whole
    assert browser.console() == []
