"""Drawn examples: a part of them each time, all of them with the slow tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings


def fuzzed(
    few: int, many: int, *, derandomize: bool = False, **strategies: Any
) -> Callable[[Callable[..., None]], Callable[[int], None]]:
    """``given`` with few examples, and with many when slow tests are run.

    Args:
        few, many: numbers of examples.
        derandomize: whether they are the same ones every time.
        strategies: of the arguments of the test.
    """

    def decorate(check: Callable[..., None]) -> Callable[[int], None]:
        @pytest.mark.parametrize("examples", [few, pytest.param(many, marks=pytest.mark.slow)])
        def test(examples: int) -> None:
            drawn = settings(max_examples=examples, deadline=None, derandomize=derandomize)
            drawn(given(**strategies)(check))()

        test.__name__, test.__qualname__ = check.__name__, check.__qualname__
        test.__doc__, test.__module__ = check.__doc__, check.__module__
        return test

    return decorate
