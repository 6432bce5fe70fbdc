"""The growing row space against python-flint, on ranks of every kind, in blocks of every size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserved.arithmetic import exact
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES, prime_with_roots
from conserved.kernel.residues import FloatResidues, IntResidues
from conserved.kernel.rowspace import RowSpace

SMALL = prime_with_roots(1, below=18)  # 17: pivots vanish by chance all the time
RINGS = [
    FloatResidues(BLAS_PRIMES[0]),
    FloatResidues(SMALL),
    IntResidues(BLAS_PRIMES[0]),
    IntResidues(INT64_PRIMES[0]),
    IntResidues(SMALL),
]
rings = pytest.mark.parametrize("ring", RINGS, ids=str)


def of_rank(ring, rng, rows, columns, rank):
    """A random matrix of at most (and nearly always exactly) this rank."""
    return ring.matmul(ring.random(rng, (rows, rank)), ring.random(rng, (rank, columns)))


def assert_right(ring, matrix, cuts=()):
    """Add the rows in blocks; compare everything the space says with python-flint."""
    width = matrix.shape[1]
    space = RowSpace(ring, width)
    raised = [space.add(block) for block in np.split(matrix, cuts)]
    raised = np.concatenate(raised)
    rank = exact.rank(matrix, ring.prime)
    assert space.rank == rank
    # the rows that raised the rank are independent, and each row after them was not
    assert raised.sum() == rank
    assert exact.rank(matrix[raised], ring.prime) == rank
    prefixes = range(0, len(matrix) + 1, max(1, len(matrix) // 8))
    for end in prefixes:
        assert raised[:end].sum() == exact.rank(matrix[:end], ring.prime)
    # its own rows leave nothing, others leave their part outside
    assert not space.remainder(matrix).any()
    other = ring.random(np.random.default_rng(5), (3, width))
    outside = exact.rank(np.concatenate([matrix, other]), ring.prime) - rank
    assert exact.rank(space.remainder(other), ring.prime) == outside
    assert not space.remainder(other)[:, space.pivots].any()
    # the annihilator is the whole null space
    annihilator = space.annihilator()
    assert annihilator.shape == (width, width - rank)
    assert annihilator.dtype == ring.dtype
    assert not ring.matmul(matrix, annihilator).any()
    assert exact.rank(annihilator, ring.prime) == width - rank


@rings
@pytest.mark.parametrize(
    "rows, columns", [(1, 1), (5, 5), (30, 12), (12, 30), (150, 40), (40, 150)]
)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_random_ranks(ring, rows, columns, share):
    rng = np.random.default_rng(0)
    rank = round(share * min(rows, columns))
    matrix = of_rank(ring, rng, rows, columns, rank)
    assert_right(ring, matrix, cuts=[rows // 3, rows // 2])


@pytest.mark.parametrize("ring", [RINGS[0], RINGS[3]], ids=str)
def test_beyond_one_block_and_one_safe_product(ring):
    """600 rows of rank 560: five blocks, and inner dimensions above 512."""
    matrix = of_rank(ring, np.random.default_rng(1), 600, 580, 560)
    space = RowSpace(ring, 580)
    raised = space.add(matrix)
    assert space.rank == raised.sum() == exact.rank(matrix, ring.prime)
    assert not space.remainder(matrix).any()
    assert not ring.matmul(matrix, space.annihilator()).any()


@rings
def test_rank_deficient_blocks(ring):
    rng = np.random.default_rng(2)
    blocks = [of_rank(ring, rng, 20, 60, rank) for rank in (5, 0, 20, 1, 13)]
    mixed = ring.matmul(ring.random(rng, (30, 100)), np.concatenate(blocks))  # nothing new
    matrix = np.concatenate([*blocks, mixed, ring.random(rng, (5, 60))])
    assert_right(ring, matrix, cuts=[20, 40, 60, 80, 100, 130])


@rings
@pytest.mark.parametrize("step", [1, 3, 8, 9, 200])
def test_the_size_of_blocks_does_not_matter(ring, step):
    matrix = of_rank(ring, np.random.default_rng(3), 70, 50, 33)
    assert_right(ring, matrix, cuts=range(step, 70, step))


@rings
def test_repeated_zero_and_scaled_rows(ring):
    rng = np.random.default_rng(4)
    row = ring.random(rng, (1, 20))
    tripled = ring.mul(row, ring.from_integers([[3]]))
    zero = np.zeros_like(row)
    matrix = np.concatenate(
        [zero, row, row, zero, tripled, ring.reduce(-row), ring.random(rng, (1, 20))]
    )
    assert RowSpace(ring, 20).add(matrix).tolist() == [False, True] + 4 * [False] + [True]
    assert_right(ring, np.repeat(matrix, 40, axis=0), cuts=[7, 133])


@rings
def test_sparse_rows_with_late_pivots(ring):
    matrix = ring.from_integers(np.eye(40, dtype=np.int64)[::-1].repeat(2, axis=0))
    matrix[::2] = ring.mul(matrix[::2], ring.from_integers(7))
    assert_right(ring, matrix, cuts=[10])


@rings
@given(data=st.data())
def test_small_matrices_of_small_entries(ring, data):
    shape = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 7)))
    entries = data.draw(
        st.lists(st.integers(-2, 2), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])
    )
    matrix = ring.from_integers(np.array(entries).reshape(shape))
    cuts = data.draw(st.lists(st.integers(0, shape[0]), max_size=3).map(sorted))
    assert_right(ring, matrix, cuts)


@rings
def test_full_rank_stops_and_says_no_to_the_rest(ring):
    rng = np.random.default_rng(6)
    space = RowSpace(ring, 9)
    assert space.add(ring.random(rng, (300, 9))).sum() == 9
    assert not space.add(ring.random(rng, (5, 9))).any()
    assert space.annihilator().shape == (9, 0)


@rings
def test_an_empty_space(ring):
    space = RowSpace(ring, 4)
    assert space.add(np.zeros((0, 4), ring.dtype)).shape == (0,)
    assert not space.add(np.zeros((9, 4), ring.dtype)).any()
    assert space.rank == 0
    rows = ring.random(np.random.default_rng(7), (3, 4))
    assert (space.remainder(rows) == rows).all()
    assert (space.annihilator() == np.eye(4)).all()


@rings
def test_rows_given_are_left_alone(ring):
    rows = ring.random(np.random.default_rng(8), (20, 10))
    kept = rows.copy()
    space = RowSpace(ring, 10)
    space.add(rows[:5])
    space.add(rows)
    assert (rows == kept).all()


LEADS = [(70, 0), (70, 40), (150, 900), pytest.param(600, 3, marks=pytest.mark.slow)]


@rings
@pytest.mark.parametrize("rows, lead", LEADS)
def test_pivots_are_the_leading_columns_of_the_space(ring, rows, lead):
    """However rows come in, one by one or in wide blocks, the reduced form is the same."""
    rng = np.random.default_rng(9)
    matrix = ring.random(rng, (rows, 1000 if rows < 600 else 2600))
    matrix[: rows // 2, :lead] = 0
    together, alone = RowSpace(ring, matrix.shape[1]), RowSpace(ring, matrix.shape[1])
    together.add(matrix)
    for start in range(0, rows, 5):
        alone.add(matrix[start : start + 5])
    forms = [s.basis[np.argsort(s.pivots)] for s in (together, alone)]
    assert (forms[0] == forms[1]).all()
    assert sorted(together.pivots) == sorted(alone.pivots)


@rings
def test_rows_that_are_taken_are_there_when_settled(ring):
    rng = np.random.default_rng(3)
    matrix = of_rank(ring, rng, 300, 60, 40)
    whole, parts = RowSpace(ring, 60), RowSpace(ring, 60)
    whole.add(matrix)
    for rows in np.split(matrix, 30):
        parts.take(rows)
    assert 0 < parts.rank <= 40  # more than a block was taken
    parts.settle()
    parts.settle()
    assert parts.rank == whole.rank == 40
    np.testing.assert_array_equal(parts.basis, whole.basis)
    few = RowSpace(ring, 60)
    few.take(matrix[:10])
    assert few.rank == 0
    few.settle()
    assert few.rank == 10
