"""Extremes of stretches of rows against a direct computation."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserved.watching.log.pyramid import BLOCK, Columns, Pyramid

CURVES = 3


def filled(folder: Path, count: int, pieces: int = 1) -> tuple[Pyramid, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    rows = rng.normal(size=(count, CURVES))
    rows[rng.random(rows.shape) < 0.05] = np.nan
    steps = np.cumsum(rng.integers(1, 4, count))
    pyramid = Pyramid(folder, CURVES)
    for part in np.array_split(np.arange(count), pieces):
        pyramid.add(steps[part], rows[part], 100 * part)
    return pyramid, steps, rows


def assert_exact(seen: Columns, steps: np.ndarray, rows: np.ndarray, curves: list[int]) -> None:
    """Every stretch has the extremes of its own rows, bit for bit."""
    for first, last, low, high in zip(seen.first, seen.last, seen.low, seen.high, strict=True):
        mine = rows[(steps >= first) & (steps <= last)][:, curves]
        np.testing.assert_array_equal(low, np.fmin.reduce(mine, 0))
        np.testing.assert_array_equal(high, np.fmax.reduce(mine, 0))


@given(
    count=st.integers(1, 5000),
    pieces=st.integers(1, 7),
    most=st.integers(1, 50),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_extremes_are_exact(count: int, pieces: int, most: int, ends: tuple[float, float]) -> None:
    with TemporaryDirectory() as folder:
        pyramid, steps, rows = filled(Path(folder), count, pieces)
        assert pyramid.rows == count
        start, stop = sorted((int(ends[0] * (count - 1)), 1 + int(ends[1] * (count - 1))))
        stop = max(stop, start + 1)
        seen = pyramid.columns(start, stop, [2, 0], most)
        assert_exact(seen, steps, rows, [2, 0])
        assert len(seen.first) <= most + 1
        assert 2 * len(seen.first) + 2 >= min(most, (stop - start) // BLOCK)
        assert seen.first[0] <= steps[start]
        assert seen.last[-1] >= steps[stop - 1]
        assert (seen.first[1:] > seen.last[:-1]).all()  # no row twice ...
        inside = (steps >= seen.first[0]) & (steps <= seen.last[-1])
        places = np.searchsorted(seen.first, steps[inside], side="right") - 1
        assert (steps[inside] <= seen.last[places]).all()  # ... and none left out


@pytest.mark.parametrize("most", [7, 18, 24, 60, 200])
def test_few_blocks_are_read_for_a_picture(tmp_path: Path, most: int) -> None:
    """Each holds all numbers of all laws: 64 kB of 1,000."""
    pyramid, _, _ = filled(tmp_path, 40_000)
    read: list[int] = []
    blocks = pyramid._blocks

    def counted(number: int, first: int, last: int, curves: list[int]) -> np.ndarray:
        read.append(last - first)
        return blocks(number, first, last, curves)

    pyramid._blocks = counted  # type: ignore[method-assign]
    seen = pyramid.columns(0, pyramid.rows, [0], most)
    assert len(seen.first) >= most // 2
    assert read[0] <= 4 * (most + 1)


def test_a_shifted_extreme_is_seen(tmp_path: Path) -> None:
    """The check above refuses."""
    pyramid, steps, rows = filled(tmp_path, 1000)
    rows[500, 0] = 99.0
    with pytest.raises(AssertionError):
        assert_exact(pyramid.columns(0, 1000, [0], 10), steps, rows, [0])


def test_it_is_found_again_on_disk(tmp_path: Path) -> None:
    """All but the rows of a block that was not full: the log has them."""
    pyramid, steps, rows = filled(tmp_path, 3000)
    again = Pyramid(tmp_path, CURVES)
    kept = 3000 // BLOCK * BLOCK
    assert again.rows == kept
    assert again.bounds == (steps[0], steps[kept - 1])
    assert_exact(again.columns(0, kept, [1], 20), steps[:kept], rows[:kept], [1])
    again.add(steps[kept:], rows[kept:], 100 * np.arange(kept, 3000))
    for most in (3, 40):
        one, other = again.columns(0, 3000, [0, 1], most), pyramid.columns(0, 3000, [0, 1], most)
        np.testing.assert_array_equal(one.high, other.high)
        np.testing.assert_array_equal(one.last, other.last)


@pytest.mark.parametrize("row", [0, 1, 31, 32, 700, 2975, 2999])
def test_rows_are_forgotten_and_written_again(tmp_path: Path, row: int) -> None:
    """As when a run goes back to a checkpoint."""
    pyramid, steps, rows = filled(tmp_path, 3000)
    lost = pyramid.cut(int(steps[row]))
    begin = lost // 100  # rows stand at 100 times their number
    assert row - BLOCK < begin <= row
    assert pyramid.rows == begin
    rows[row:] += 1.0
    pyramid.add(steps[begin:], rows[begin:], 100 * np.arange(begin, 3000))
    assert_exact(pyramid.columns(0, 3000, [0, 1, 2], 9), steps, rows, [0, 1, 2])


def test_rows_and_places_of_steps(tmp_path: Path) -> None:
    pyramid, steps, _ = filled(tmp_path, 1000)
    for row in (0, 5, 40, 999):
        begin = pyramid.row(int(steps[row]))
        assert row - BLOCK < begin <= row
        assert pyramid.place(begin) == 100 * (begin // BLOCK * BLOCK)
    assert pyramid.row(10**9) == 1000


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    pyramid = Pyramid(tmp_path, CURVES)
    assert pyramid.bounds is None
    assert len(pyramid.columns(0, 10, [0], 5).first) == 0
