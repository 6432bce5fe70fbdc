"""The report in a real browser. Every check is also made on a page in which it must fail."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from time import monotonic, sleep

import pytest

from conserved.report import render
from tests.report import samples
from tests.report.browser import Browser, ink, without_policy

pytestmark = pytest.mark.slow


# ------------------------------------------------------------------ it renders, quietly


def test_it_renders_without_errors_or_requests(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.open(page, tmp_path)
    browser.settle()
    assert browser.console() == []
    assert browser.requests() == []
    canvases = browser.every("figure.plot canvas")
    assert len(canvases) == 4
    for canvas in canvases:
        assert ink(browser, canvas) > 500
    assert browser.js("return document.querySelector('math').getBoundingClientRect().width") > 50
    typeset = browser.js("return getComputedStyle(document.querySelector('math msub')).display")
    assert typeset.endswith("math")


def test_a_planted_error_is_seen(browser: Browser, page: str, tmp_path: Path) -> None:
    broken = without_policy(page).replace('"use strict";', '"use strict"; nothing();', 1)
    browser.open(broken, tmp_path)
    assert any("nothing is not defined" in line for line in browser.console())
    assert browser.every("figure.plot canvas") == []


def test_a_planted_request_is_seen_and_blocked(browser: Browser, page: str, tmp_path: Path) -> None:
    leak = page.replace("<main>", '<main><img alt="" src="http://127.0.0.1:9/leak.png">', 1)
    browser.open(without_policy(leak), tmp_path)
    assert browser.requests() == ["http://127.0.0.1:9/leak.png"]
    browser.open(leak, tmp_path)
    browser.settle()
    assert any("Content Security Policy" in line for line in browser.console())


# ------------------------------------------------------------------ keyboard and screen reader


def focus_shown(browser: Browser) -> list[tuple[str, bool]]:
    """Every stop of the Tab key, and whether one sees that it has the focus."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    stops = []
    for _ in range(200):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        name, seen, first = browser.js(
            "const e = document.activeElement, s = getComputedStyle(e);"
            "const again = e.dataset.seen; e.dataset.seen = 1;"
            "return [e.tagName + '.' + e.className,"
            " s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2, !again]"
        )
        if not first or name.startswith("BODY"):
            break
        stops.append((name, seen))
    return stops


def test_the_focus_is_seen_at_every_stop(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.open(page, tmp_path)
    stops = focus_shown(browser)
    names = [name for name, _ in stops]
    assert names[0] == "A.skip"
    assert names.count("DIV.canvas") == 4
    assert any(name.startswith("SUMMARY") for name in names)
    assert len(stops) > 30
    assert all(seen for _, seen in stops), stops


def test_a_planted_hidden_focus_is_found(browser: Browser, page: str, tmp_path: Path) -> None:
    hidden = without_policy(page).replace(
        "</style>", ".canvas { outline: none !important }</style>"
    )
    browser.open(hidden, tmp_path)
    assert {name for name, seen in focus_shown(browser) if not seen} == {"DIV.canvas"}


def test_a_screen_reader_finds_its_way(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.open(page, tmp_path)
    browser.cdp("Accessibility.enable")
    nodes = browser.cdp("Accessibility.getFullAXTree")["nodes"]
    named = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if "role" in n}
    roles = [role for role, _ in named]
    for role in ("main", "banner", "navigation", "contentinfo", "MathMLMath"):
        assert role in roles, role
    assert ("slider", "The laws along training") in named
    assert ("region", "Why") in named
    assert any(role == "image" and "directions" in name for role, name in named)


# ------------------------------------------------------------------ screens and paper


def test_it_is_dark_in_the_dark(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.open(page, tmp_path)
    seen = {}
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        browser.settle()
        ground = browser.js("return getComputedStyle(document.body).backgroundColor")
        seen[scheme] = (
            ground,
            browser.js("return document.querySelector('.canvas canvas').toDataURL()"),
        )
    assert seen["light"][0] == "rgb(253, 252, 249)"
    assert seen["dark"][0] == "rgb(21, 24, 28)"
    assert seen["light"][1] != seen["dark"][1], "the plots follow"
    browser.js("dispatchEvent(new Event('beforeprint'))")
    assert browser.js("return getComputedStyle(document.documentElement).colorScheme") == "light"
    assert browser.js("return getComputedStyle(document.body).backgroundColor") == seen["light"][0]
    browser.js("dispatchEvent(new Event('afterprint'))")
    assert browser.js("return getComputedStyle(document.body).backgroundColor") == seen["dark"][0]


def overflow(browser: Browser, width: int) -> int:
    """How many pixels the page is wider than the screen."""
    browser.settle()
    needed = browser.js("return document.documentElement.scrollWidth")  # a phone widens innerWidth
    assert isinstance(needed, int)
    return needed - width


@pytest.mark.parametrize("width", [320, 360, 390, 768])
def test_a_narrow_screen_needs_no_sideways_scrolling(
    browser: Browser, page: str, tmp_path: Path, width: int
) -> None:
    browser.resize(width)
    browser.open(page, tmp_path)
    assert overflow(browser, width) <= 0
    browser.js("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert overflow(browser, width) <= 0
    assert browser.js("return document.querySelector('.canvas canvas').clientWidth") <= width


def test_the_words_of_a_range_fit_a_phone(browser: Browser, page: str, tmp_path: Path) -> None:
    """A formula that goes on beyond the screen looks finished, and says something else."""
    browser.resize(390)
    browser.open(page, tmp_path)
    hidden = browser.js(
        "return [...document.querySelectorAll('.formula')].map(f => f.scrollWidth - f.clientWidth)"
    )
    assert len(hidden) >= 2
    assert max(hidden) <= 0


def test_a_planted_wide_element_is_found(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.resize(360)
    browser.open(
        without_policy(page).replace("<main>", '<main><p style="width:500px">x', 1), tmp_path
    )
    assert overflow(browser, 360) > 0


def test_plots_follow_the_width(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.open(page, tmp_path)
    widths = []
    for width in (1200, 400, 700):
        browser.resize(width)
        browser.settle()
        browser.settle()
        widths.append(browser.js("return document.querySelector('.canvas canvas').clientWidth"))
        room = browser.js("return document.querySelector('.canvas').clientWidth")
        assert widths[-1] == room
    assert len(set(widths)) == 3


def test_it_prints(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.open(page, tmp_path)
    pdf = base64.b64decode(browser.cdp("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert pdf.startswith(b"%PDF")
    assert 2 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 12
    assert not browser.js("return document.documentElement.classList.contains('paper')")
    assert browser.console() == []


# ------------------------------------------------------------------ hostile text, downloads


@pytest.mark.parametrize("payload", samples.PAYLOADS)
def test_hostile_text_does_nothing(browser: Browser, tmp_path: Path, payload: str) -> None:
    analysis, evidence = samples.hostile(payload)
    page = render(analysis, evidence, {"schema": payload}, command=payload)
    for text in (page, without_policy(page)):  # escaping alone must do, and does
        browser.open(text, tmp_path, "a <b> 'c'.html")
        browser.settle()
        assert not alerted(browser)
        assert browser.console() == []
        assert browser.one("h1 code").text.split() == payload.split()
        assert len(browser.every("figure.plot canvas")) == 1


def alerted(browser: Browser) -> bool:
    from selenium.common.exceptions import NoAlertPresentException

    try:
        browser.driver.switch_to.alert.dismiss()
    except NoAlertPresentException:
        return False
    return True


def test_a_planted_script_runs_only_without_the_policy(
    browser: Browser, page: str, tmp_path: Path
) -> None:
    """Two walls: text that slipped through unescaped would still be stopped by the policy."""
    from selenium.common.exceptions import UnexpectedAlertPresentException

    slipped = page.replace("<main>", "<main><script>alert(1)</script>", 1)
    browser.open(slipped, tmp_path)
    assert not alerted(browser)
    assert any("Content Security Policy" in line for line in browser.console())
    with pytest.raises(UnexpectedAlertPresentException):
        open_and_look(browser, without_policy(slipped), tmp_path)


def open_and_look(browser: Browser, page: str, folder: Path) -> None:
    browser.open(page, folder)
    browser.js("return 1")


@pytest.mark.parametrize("name", ["certificate.json", "analysis.json"])
def test_downloads_arrive_whole(browser: Browser, page: str, tmp_path: Path, name: str) -> None:
    browser.open(page, tmp_path)
    browser.one(f"a[download='{name}']").click()
    path = browser.downloads / name
    limit = monotonic() + 10
    while not path.exists() and monotonic() < limit:
        sleep(0.05)
    got = json.loads(path.read_text("utf-8"))
    analysis = samples.analysis("linear:4-2-1", "permutation")
    assert got == (samples.CERTIFICATE if name.startswith("cert") else analysis.to_json())
    assert browser.requests() == []
