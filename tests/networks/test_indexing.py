"""Indexing traced tensors: what NumPy makes of the same key, or one clear line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conserved.errors import InputError
from conserved.kernel.evaluate import Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.real import Reals
from conserved.networks.tracing import Var, concatenate, trace

VALUES = np.arange(1.0, 13.0).reshape(3, 4)


def value(formula: Callable[[Var], Var]) -> Any:
    """What a formula in one 3×4 tensor makes of ``VALUES``."""
    program = trace((), (("x", (3, 4)),), lambda p, given: formula(given["x"]))
    run = Run(program, FormalRing(Reals(), 0), np.zeros((1, 1, 0)), (VALUES[None, None],))
    return run.output.reshape(program.shape)


KEYS = [
    np.s_[0],
    np.s_[-1],
    np.s_[-3],
    np.s_[np.int64(2)],
    np.s_[1, 3],
    np.s_[-1, -4],
    np.s_[...],
    np.s_[..., 1],
    np.s_[..., -4],
    np.s_[1, ...],
    np.s_[1, ..., 2],
    np.s_[1, 2, ...],
    np.s_[1:],
    np.s_[-2:],
    np.s_[:-1],
    np.s_[1:9],
    np.s_[-9:2],
    np.s_[::2],
    np.s_[:, 1::2],
    np.s_[np.int64(1) : np.int8(3)],
    np.s_[0:1, -1],
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_as_numpy_does(key: Any) -> None:
    found, wanted = value(lambda x: x[key]), VALUES[key]
    assert found.shape == np.shape(wanted)
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize(
    "formula, words",
    [
        (lambda x: x[5], "network 'index 5': axis 0 has length 3"),
        (lambda x: x[3], "'index 3': axis 0 has length 3"),
        (lambda x: x[-4], "'index -4': axis 0 has length 3"),
        (lambda x: x[0, 4], "'index 4': axis 1 has length 4"),
        (lambda x: x[..., -5], "'index -5': axis 1 has length 4"),
        (lambda x: x[np.int64(7)], "'index 7': axis 0 has length 3"),
        (lambda x: x.take([0, 3]), "'index 3': axis 0 has length 3"),
        (lambda x: x.take([-5], axis=1), "'index -5': axis 1 has length 4"),
        (lambda x: x.take([0.5]), "'0.5': an index is a whole number"),
        (lambda x: x[3:], "'slice 3:': empty: axis 0 has length 3"),
        (lambda x: x[2:1], "'slice 2:1': empty: axis 0 has length 3"),
        (lambda x: x[::-1], "'slice ::-1': slices run forwards"),
        (lambda x: x[::0], "'slice ::0': slices run forwards"),
        (lambda x: x[0.5:], "'0.5': an end or step of a slice is a whole number"),
        (lambda x: x[0, 0, 0], r"shape \(3, 4\) takes 2 indices"),
        (lambda x: x[..., 0, ...], "at most one '...'"),
        (lambda x: x[True], "'True': index tensors by integers and slices"),
        (lambda x: x[None], "'None': index tensors by integers and slices"),
        (lambda x: x[[0, 1]], "index tensors by integers and slices; take picks"),
        (lambda x: x[np.array([0, 1])], "index tensors by integers and slices; take picks"),
        (lambda x: x["a"], "index tensors by integers and slices"),
        (lambda x: x.sum(2), "'axis 2': a tensor of shape"),
        (lambda x: x.mean(-3), "'axis -3': a tensor of shape"),
        (lambda x: x.sum(None), "'None': an axis is a whole number"),
        (lambda x: x[0].T, r"'.T': a tensor of shape \(4,\) has no two axes"),
        (lambda x: x.reshape(5, -1), r"'reshape\(5, -1\)': the tensor has 12 entries"),
        (lambda x: x.reshape(0, -1), r"'reshape\(0, -1\)': the tensor has 12 entries"),
        (lambda x: x.reshape(-1, -1), r"'reshape\(-1, -1\)': the tensor has 12 entries"),
        (lambda x: x.reshape(5, 2), r"'reshape\(5, 2\)': the tensor has 12 entries"),
        (lambda x: x**0.5, "'0.5': an exponent is a whole number"),
        (lambda x: x / 0, "'/ 0': numbers to divide by are not 0"),
        (lambda x: concatenate([x, 1]), "takes one or more tensors"),
        (lambda x: concatenate([]), "takes one or more tensors"),
        (lambda x: sum(x[0, 0]), "a tensor without axes has no parts"),
        (lambda x: x if x else -x, "has no truth value: a program takes every branch"),
    ],
)
def test_what_is_wrong_is_said(formula: Callable[[Var], Var], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        value(formula)
    assert "\n" not in str(caught.value)


def test_numpy_integers_are_integers() -> None:
    """Sizes worked out with NumPy."""
    two, three = np.int64(2), np.uint8(3)
    assert np.array_equal(value(lambda x: x.reshape(two, -1)), VALUES.reshape(2, 6))
    assert np.array_equal(value(lambda x: x**two), VALUES**2)
    assert np.array_equal(value(lambda x: x.sum(np.int64(-1))), VALUES.sum(-1, keepdims=True))
    assert np.array_equal(value(lambda x: x * two), VALUES * 2)
    assert np.array_equal(value(lambda x: x[0].broadcast_to(three, 4)), VALUES[[0, 0, 0]])
    assert np.array_equal(value(lambda x: x.take(np.array([2, -1]), axis=-1)), VALUES[:, [2, 3]])


def test_parts_in_turn() -> None:
    assert np.array_equal(value(lambda x: sum(x[1:])), VALUES[1:].sum(0))  # type: ignore[arg-type]
