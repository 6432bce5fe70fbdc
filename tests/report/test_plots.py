"""Plots as data: thinning keeps what matters, gaps are gaps, tables and words agree."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserved.errors import InputError
from conserved.report import Plot, Series
from conserved.report.charts import laid_out
from conserved.report.plots import ROWS, thinned


def plot(x: Any, *ys: Any, **options: Any) -> Plot:
    curves = tuple(Series(f"h{i}", y) for i, y in enumerate(ys))
    return Plot("t", "c", "time", "value", x, curves, **options)


@given(st.integers(1, 5000), st.integers(0, 2**32))
def test_thinning_keeps_ends_and_extremes(count: int, seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=(3, count))
    kept = thinned(y)
    assert kept[0] == 0
    assert kept[-1] == count - 1
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= 240 + 3 * 2 * 30
    assert (y[:, kept].max(1) == y.max(1)).all()
    assert (y[:, kept].min(1) == y.min(1)).all()


def test_what_cannot_be_drawn_is_a_gap() -> None:
    data = plot([1, 2, 3, 4], [1.0, np.nan, np.inf, 0.0], log_y=True).data()
    assert data["y"] == [[1.0, None, None, None]]
    assert plot([1, 2, 3, 4], [1.0, np.nan, np.inf, 0.0]).data()["y"] == [[1.0, None, None, 0.0]]
    assert plot([0, 1, 2], [5, 6, 7], log_x=True).data()["x"] == [1.0, 2.0]
    json.dumps(data, allow_nan=False)


def test_the_table_has_the_ends() -> None:
    x = np.linspace(0, 1, 1000)
    rows = list(plot(x, x**2).rows())
    assert len(rows) == ROWS
    assert rows[0] == ["0", "0"]
    assert rows[-1] == ["1", "1"]
    for at, value in rows:
        assert float(value) == pytest.approx(float(at) ** 2, rel=1e-5)


def test_the_words_have_the_numbers() -> None:
    text = plot([0, 1, 2], [3.0, 5.0, 4.0], [np.nan] * 3).description
    assert text == (
        "value against time from 0 to 2: h0 goes from 3 to 4, between 3 and 5; h1 has no value "
        "that can be drawn."
    )


@pytest.mark.parametrize(
    "x, ys, argument",
    [
        ([], [[]], "x"),
        ([1, 0], [[1, 2]], "x"),
        ([0, np.nan], [[1, 2]], "x"),
        ([[0, 1]], [[1, 2]], "x"),
        ([0, 1], [], "series"),
        ([0, 1], [[1, 2]] * 9, "series"),
        ([0, 1], [[1, 2, 3]], "series"),
    ],
)
def test_what_is_no_plot_is_refused(x: Any, ys: Any, argument: str) -> None:
    with pytest.raises(InputError) as caught:
        plot(x, *ys)
    assert caught.value.argument == argument


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4))
def test_slices_fill_the_bar(counts: list[int]) -> None:
    slices = laid_out([(str(i), "", count) for i, count in enumerate(counts)])
    assert [s.count for s in slices] == [c for c in counts if c]
    left = 0.0
    for part in slices:
        assert part.left == pytest.approx(left, abs=0.02)
        assert part.width > 7
        left += part.width
    if slices:
        assert left == pytest.approx(1000, abs=0.1)
