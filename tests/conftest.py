"""One hypothesis profile for the suite: no deadlines (first calls fill caches), and in CI the
same examples every time. One Chromium for each file of browser tests. Compiled files are kept. And
without torch, examples in docstrings that import it are skipped."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.report.browser import Browser

# Without them each worker spends 15 s on rewriting assertions, and each process compiles anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile("conserved", deadline=None, max_examples=50)
settings.register_profile("ci", settings.get_profile("conserved"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "conserved")


def pytest_configure() -> None:
    gc.disable()  # while eleven thousand tests are made, all of which stay


def pytest_collection_finish() -> None:
    """No collection of garbage walks through them, and few through all that was made since."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_spec("torch"):
        return
    for item in items:
        if isinstance(item, pytest.DoctestItem) and "import torch" in item.dtest.docstring:
            item.add_marker(pytest.mark.skip(reason="the example needs the extra torch"))


@pytest.fixture(scope="module")
def chromium_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    from tests.report.browser import chromium

    with chromium(tmp_path_factory.mktemp("downloads")) as browser:
        yield browser


@pytest.fixture
def browser(chromium_session: Browser) -> Iterator[Browser]:
    """Wide and light, and left on an empty page."""
    chromium_session.resize(1200)
    chromium_session.scheme("light")
    yield chromium_session
    chromium_session.driver.get("about:blank")
