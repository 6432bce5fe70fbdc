"""Programs as JSON: reading is the inverse of writing, and refuses all else with one clear line."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from conserved.errors import InputError
from conserved.kernel.evaluate import Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.program import Program
from conserved.kernel.residues import FloatResidues
from conserved.networks import FAMILIES, parse_network
from conserved.networks.tracing import Var, concatenate, trace
from tests.fuzz import fuzzed

STEPS = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "sub": lambda a, b: a - b,
    "square": lambda a, b: a**2,
    "scale": lambda a, b: a.scale("3/7"),
    "tanh": lambda a, b: a.function("tanh"),
    "matmul": lambda a, b: a @ b,
    "turned": lambda a, b: a.T,
    "sum": lambda a, b: a.sum(0) + b,
    "joined": lambda a, b: concatenate([a, b], axis=1)[:, 1:3],
    "picked": lambda a, b: a.take([1, 1], axis=0) * b,
    "shaped": lambda a, b: (a.reshape(4) * 2).reshape(2, 2),
    "shift": lambda a, b: a + 1,
}


@st.composite
def programs(draw: Any) -> Program:
    """Random formulas in three 2×2 matrices."""
    words = draw(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=12))
    seed = draw(st.integers(0, 2**32))

    def formula(p: Any, x: Any) -> Var:
        rng = np.random.default_rng(seed)
        pool = [*p.values(), *x.values()]
        for word in words:
            a, b = (pool[i] for i in rng.integers(0, len(pool), size=2))
            pool.append(STEPS[word](a, b))
        return pool[-1]

    return trace((("A", (2, 2)), ("B", (2, 2))), (("x", (2, 2)),), formula)


@fuzzed(50, 150, derandomize=True, program=programs())
def test_there_and_back(program: Program) -> None:
    again = Program.from_json(json.loads(json.dumps(program.to_json())))
    assert again == program
    assert again.digest == program.digest
    scalars = FloatResidues(BLAS_PRIMES[0])
    rng = np.random.default_rng(0)
    theta = scalars.random(rng, (1, 2, program.size))
    x = scalars.random(rng, (2, 1, 2, 2))
    values = [Run(p, FormalRing(scalars, salt=1), theta, (x,)).output for p in (program, again)]
    assert (values[0] == values[1]).all()


LEAVES = [True, None, -1, 10**9, 10**400, 1.5, float("nan"), "", "x", [], {}, [[]], "gate", 2**31]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key in value:
            found += _places(value[key], (*path, key))
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += _places(item, (*path, index))
    return found


@pytest.mark.parametrize("spec", [family.example for family in FAMILIES.values()])
def test_any_leaf_changed(spec: str) -> None:
    """Either one clear line, or a program that is what it says."""
    content = parse_network(spec).program.to_json()
    refused = 0
    for path in _places(content)[1:]:
        for leaf in LEAVES:
            changed = copy.deepcopy(content)
            inside = changed
            for step in path[:-1]:
                inside = inside[step]
            inside[path[-1]] = leaf
            try:
                found = Program.from_json(changed)
            except InputError as error:
                refused += "\n" not in str(error)
            else:
                assert Program.from_json(found.to_json()) == found
    assert refused


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"nodes": [["spell", [], []]]}, r"nodes\[0\] 'spell': unknown operation"),
        ({"nodes": [["parameter", [], ["V"]]]}, "the parameters are W1"),
        ({"nodes": [["add", [0, 0], []]]}, "whole number from 0"),
        ({"nodes": []}, "at least one node"),
        ({"output": 99}, "output '99'"),
        ({"parameters": [["W", [1]], ["W", [1]]]}, "names differ"),
        ({"inputs": [["x", [10**8]]]}, "whole number"),
        ({"nodes": [["constant", [], [[2], [1]]]]}, "as many entries"),
        ({"nodes": [["constant", [], [[1], ["1/0"]]]]}, "integers or texts"),
        ({"nodes": [["constant", [], [[1], [0.5]]]]}, "integers or texts"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], reason: str) -> None:
    content = parse_network("linear:2-2-1").program.to_json()
    with pytest.raises(InputError, match=reason):
        Program.from_json({**content, **change})


def test_networks_are_what_they_compute() -> None:
    first, second = parse_network("linear:2-2-1"), parse_network("linear:2-2-1")
    assert first == second
    assert hash(first) == hash(second)
    assert first != parse_network("linear:2-3-1")
    assert first.program == parse_network("poly:2-2-1,power=1").program
