"""``fuzzed`` finds what ``given`` finds, in as many examples as it is told."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from tests.fuzz import fuzzed


def test_a_fault_is_found_and_counted() -> None:
    seen = []

    @fuzzed(60, 200, derandomize=True, n=st.integers(0, 10**6))
    def small(n: int) -> None:
        """Below a million."""
        seen.append(n)

    @fuzzed(60, 200, derandomize=True, n=st.integers(0, 10))
    def wrong(n: int) -> None:
        assert n != 3

    small(60)
    assert len(seen) == 60
    assert (small.__name__, small.__doc__) == ("small", "Below a million.")
    with pytest.raises(AssertionError, match="3"):
        wrong(60)
