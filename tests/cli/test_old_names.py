"""Public names that changed still work for one release, and say what they are called now."""

from __future__ import annotations

import pytest

import conserved as cq
from conserved import errors
from conserved.networks import Linear
from conserved.symmetry import Permutation


def test_the_symmetry_of_a_problem_was_its_data() -> None:
    with pytest.warns(DeprecationWarning, match="the argument data is now symmetry"):
        problem = cq.Problem(network=Linear(2, 1), data=Permutation(2))
    assert problem == cq.Problem(network=Linear(2, 1), symmetry=Permutation(2))
    with pytest.warns(DeprecationWarning, match=r"Problem\.data is now Problem\.symmetry"):
        assert problem.data == Permutation(2)
    with pytest.raises(TypeError, match="give symmetry alone"):
        cq.Problem(network=Linear(2, 1), data=Permutation(2), symmetry=Permutation(2))


def test_degenerate_samples_were_redraws() -> None:
    with pytest.warns(DeprecationWarning, match="Redraw is now conserved.errors.DegenerateSample"):
        assert errors.Redraw is errors.DegenerateSampleError
    with pytest.raises(AttributeError, match="no attribute 'Redrawn'"):
        _ = errors.Redrawn
