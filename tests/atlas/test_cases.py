"""The combinations of a sweep: canonical, and refused when a value fits nowhere."""

import pytest

from conserved import Problem
from conserved.atlas import Case, cases
from conserved.atlas.case import with_architectures
from conserved.errors import InputError, LimitError


def test_two_spellings_are_one_problem():
    assert cases(["poly:2-1-1", "poly:2-1-1,power=2"], ["mse"], ["rotation:3"]) == (
        Case("poly:2-1-1,power=2", "mse", "rotation:3"),
    )


def test_the_key_is_canonical_json():
    assert Case("linear:2-1").key == (
        '{"flow":"gradient","labels":"invariant","loss":"mse","network":"linear:2-1",'
        '"symmetry":"none"}'
    )


@pytest.mark.parametrize(
    "axes,message",
    [
        ((["linaer:2-1-1"],), "did you mean 'linear'"),
        ((["linear:2-1-1"], ["mse", "poly:1"]), "poly:1"),
        ((["linear:2-1-1"], ["mse"], ["rotation:3", "rotatoin:3"]), "did you mean 'rotation'"),
        ((["linear:2-1-1"], ["mse"], ["rotation:3"], ["equivarant"]), "did you mean 'equivariant'"),
        ((["linear:3-1-1"], ["mse"], ["rotation:3"]), "acts on 2 coordinates"),
    ],
)
def test_a_value_that_fits_nowhere_is_refused(axes, message):
    with pytest.raises(InputError, match=message):
        cases(*axes)


def test_a_value_that_fits_somewhere_is_kept():
    found = cases(["linear:2-1-1", "linear:2-1-2"], ["mse"], ["rotation:3"], ["equivariant"])
    assert [case.network for case in found] == ["linear:2-1-1", "linear:2-1-2"]


def test_a_sweep_that_is_too_large_is_refused_before_anything_is_built():
    with pytest.raises(LimitError, match="sweep: 40,000 problems; the limit is 20,000"):
        cases(["linear:2-1-1"] * 200, ["mse"] * 200)


def test_a_problem_travels_as_text():
    problem = Problem.from_text("poly:2-1-1,power=3", loss="poly:4", symmetry="rotation:5")
    assert Case.of(problem).problem().to_json() == problem.to_json()


def test_each_problem_brings_what_it_is_compared_with_once():
    wanted = cases(["linear:2-1-1"], ["mse"], [f"rotation:{k}" for k in (3, 4)])
    plain = Case("linear:2-1-1")
    assert with_architectures(wanted) == (plain, *wanted)
    assert with_architectures([plain]) == (plain,)
    assert plain.architecture().key == Case.of(plain.problem().architecture()).key
