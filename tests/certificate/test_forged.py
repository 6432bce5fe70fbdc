"""False statements made by people who know how they are checked."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import prod
from typing import Any

import pytest

from conserved.errors import InputError
from conserved.kernel.choices import pieces
from conserved.kernel.extent import extent
from conserved.kernel.group import Lift, Move, Symmetry
from conserved.kernel.height import bits, group_bits
from conserved.kernel.reading import read_json
from conserved.networks.tracing import Var, concatenate, trace
from tests.certificate.forging import Shapes, checked, forged, function, network, refused

TWO: Shapes = {"a": (1,), "b": (1,)}
KNOWN = 8388593  # a prime of the tables


def hidden(zero: Callable[[Var, Var], Var]) -> dict[str, Any]:
    """a·0 + b·y, where a does not move, and the 0 is hard to see."""
    program = network(TWO, (2,), lambda p, x: p["a"] * zero(x[:1], x[1:]) + p["b"] * x[1:])
    return forged(program)


def exp(z: Var) -> Var:
    return z.function("exp")


def log(z: Var) -> Var:
    return z.function("log")


def cosine(multiple: int, base: str, x: Var) -> Var:
    return x.scale(f"cos({multiple}*{base})")


def test_what_is_true_is_accepted() -> None:
    """Otherwise nothing below would mean anything."""
    assert checked(hidden(lambda x, y: x)).status == "CERTIFIED"
    assert checked(hidden(lambda x, y: exp(x) + y.function("tanh"))).status == "CERTIFIED"


RELATIONS: dict[str, Callable[[Var, Var], Var]] = {
    "exp of softplus": lambda x, y: exp(x.function("softplus")) - exp(x) - 1,
    "exp of log": lambda x, y: exp(log(x)) - x,
    "log of exp": lambda x, y: log(exp(x)) - x,
    "log of 1 + exp": lambda x, y: log(exp(x) + 1) - x.function("softplus"),
    "log of 1 + exp of −x": lambda x, y: log(exp(-x) + 1) - x.function("softplus") + x,
    "log of a product": lambda x, y: log(x * y) - log(x) - log(y),
    "erf and normal": lambda x, y: (
        x.function("erf") - x.scale("sqrt(2)").function("normal").scale(2)
    ),
    "exp of 2x": lambda x, y: exp(x.scale(2)) - exp(x) ** 2,
    "exp of x + y": lambda x, y: exp(x + y) - exp(x) * exp(y),
    "sin of 2x": lambda x, y: (
        x.scale(2).function("sin") - x.function("sin") * x.function("cos") * 2
    ),
    "tanh and sigmoid": lambda x, y: x.function("tanh") - x.scale(2).function("sigmoid") * 2 + 1,
    "cosines of two angles": lambda x, y: (
        cosine(1, "0.02", x) - cosine(1, "0.01", cosine(1, "0.01", x)).scale(2) + x
    ),
    "root of a square": lambda x, y: (x * x).sqrt() - x,
    "root of four": lambda x, y: x * (x.recording.constant([4]).sqrt() - 2),
    "0 times a quotient of nothing": lambda x, y: (x - x) * (y - y).reciprocal(),
    "gates of one sign": lambda x, y: y * (x.gate() - (x * (y * y + 1)).gate()),
    "a gate that is open": lambda x, y: y * (1 - (x * x + y * y).gate()),
    "a gate that rounding closes": lambda x, y: (
        y * (1 - ((x + 10**9) ** 2 - x * x - x.scale(2 * 10**9) - 10**18 + Fraction(1, 9)).gate())
    ),
}


@pytest.mark.parametrize("relation", RELATIONS)
def test_relations_are_not_overlooked(relation: str) -> None:
    """Certified would be: no law at all."""

    def made() -> dict[str, Any]:
        document = hidden(RELATIONS[relation])
        (claim,) = document["claims"]
        return {} if claim["upper"]["laws"] else document  # the bound is true

    assert refused(made, seeds=2)


def test_gates_that_are_one_mod_a_known_prime() -> None:
    """The gates of u and (1 − p)·u are opposite, and seemed to be one."""
    shapes: Shapes = {"w": (2,), "a": (1,), "b": (1,)}

    def formula(p: Any, x: Var) -> Var:
        u = x @ p["w"].reshape(2, 1)
        return p["a"] * u.relu() + p["b"] * u.scale(1 - KNOWN).relu()

    law = function(shapes, lambda p: p["b"] - p["a"].scale(1 - KNOWN))
    program = network(shapes, (2,), formula)
    assert pieces(program).count == 2
    assert refused(forged(program, laws=[(law, "architecture")]))


def test_an_order_that_is_hardly_drawn() -> None:
    """One of 20! orders moves c."""
    shapes: Shapes = {"w": (1,), "c": (1,)}

    def formula(p: Any, x: Var) -> Var:
        place = x._make("order")
        product = place[0, 0].reshape(1)
        for i in range(1, 20):
            product = product * place[i, i].reshape(1)
        return (p["w"] + p["c"] * product) * x[:1]

    law = function(shapes, lambda p: p["c"].scale(3))
    assert refused(forged(network(shapes, (20,), formula), laws=[(law, "architecture")]))


def test_patterns_of_products_are_not_free() -> None:
    """Signs of w_i·x_j are products of signs, though the arguments are independent."""
    shapes: Shapes = {"w": (1, 3), "v": (3, 1)}
    rank_one = network(shapes, (3, 1), lambda p, x: (x @ p["w"]).relu() @ p["v"])
    assert not pieces(rank_one).free
    shapes = {"w": (2, 3), "b": (3,), "v": (3, 2), "u": (2, 1)}
    deep = network(
        shapes, (2,), lambda p, x: ((x @ p["w"] + p["b"]).relu() @ p["v"]).relu() @ p["u"]
    )
    assert pieces(deep).free


def swap() -> Move:
    return Move((((1, 1),), ((0, 1),)))


def plain(metric: tuple[int, ...] = (1, 1), averages: tuple[int, int] = (2, 1)) -> Lift:
    features = trace((), (("x", (2,)),), lambda p, x: x["x"].reshape(1, 2))
    return Lift(features, metric, averages)


def test_lifts_have_no_roots() -> None:
    """√4 may be −2 mod p."""
    program = network(
        TWO,
        (2,),
        lambda p, x: p["a"] * (x.recording.constant([4]).sqrt() - 2) * x[:1] + p["b"] * x[1:],
    )
    document = forged(program, symmetry=Symmetry((swap(),), (), None, plain()))
    with pytest.raises(InputError, match="square roots has no lift"):
        read_json(document)


@pytest.mark.parametrize(
    "move, order",
    [
        (Move(((), ())), 2),  # 1 and 0
        (Move((((0, 1), (1, 1)), ())), 2),  # a projection
        (Move((((0, 1), (1, 1)), ((1, 1),))), 50),  # a shear
    ],
)
def test_sets_of_matrices_that_are_no_groups(move: Move, order: int) -> None:
    program = network(TWO, (2,), lambda p, x: p["a"] * x[:1] + p["b"] * x[1:])
    assert refused(lambda: forged(program, symmetry=Symmetry((move,), (), order)))


def test_numbers_of_a_group_are_reckoned_with() -> None:
    """A generator that is 1 mod every prime its author can list needs as many digits."""
    still = Symmetry((swap(),), (), 2)
    assert group_bits(still) == 0
    turned = Symmetry((Move((((0, str(prod(range(1, 90)))),), ((1, 1),))),), (), 2)
    assert group_bits(turned) > 2 * 400


def test_fermat_lowers_no_degree() -> None:
    """θ^M = 1 mod every prime p with p − 1 | M; measured mod one of them, the degree is 0."""
    power = function({"a": (1,)}, lambda p: p["a"] ** 4096)
    assert extent(power)[0].above == 4096

    def tower(p: Any) -> Var:
        value = p["a"]
        for factor in range(2, 200):
            value = value**factor
        return value - 1

    assert extent(function({"a": (1,)}, tower))[0].above > 2**1000


def test_sums_of_fractions_are_large() -> None:
    """Denominators that differ add up: Σ c_i/b_i can be any number of as many digits as all b_i."""
    shapes: Shapes = {"a": (50,)}
    texts = [f"1/{10**30 + k}" for k in range(50)]
    law = function(shapes, lambda p: (p["a"] * p["a"].recording.constant(texts)).sum(0))
    assert bits(law) > 50 * 99
    same = function(shapes, lambda p: (p["a"] * p["a"].recording.constant(["1/3"] * 50)).sum(0))
    assert bits(same) < 40


@pytest.mark.parametrize("what", ["constant", "function of a constant"])
def test_nothing_else_breaks(what: str) -> None:
    """Empty tensors are no tensors; functions of constants are told, and prove nothing."""
    if what == "constant":
        with pytest.raises(InputError, match="tensors have 1 to"):
            hidden(lambda x, y: concatenate([x, x.recording.constant([])]))
    else:
        report = checked(hidden(lambda x, y: x * exp(x.recording.constant([1]))))
        assert report.status == "REFUTED"
