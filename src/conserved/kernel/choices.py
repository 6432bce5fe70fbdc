"""Which pieces of a piecewise program are told apart: gates belong to their arguments (theory §12).

Equal arguments share a gate, opposite ones have gates g and 1 − g, positive multiples share.
Maxima and orders are one-hot choices. Where every pattern of choices is known to be met by some
parameters and input, choices are drawn freely; where it is not, some patterns may exist in no
network, and a bound has to draw its patterns from real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.affine import linear_in_choices
from conserved.kernel.evaluate import Run
from conserved.kernel.free import is_free
from conserved.kernel.functions import FormalRing
from conserved.kernel.primes import random_prime
from conserved.kernel.program import Node, Program
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array
from conserved.kernel.wide import scalars_for

_SAMPLES = 6  # points that tell two arguments apart
_RATIO = 64  # multiples by fractions of such numbers are seen

Choices = Mapping[int, NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class Pieces:
    """How the choices of a program hang together.

    Attributes:
        program: with at least one choice.
        classes: for each gate node, which of the distinct arguments each of its entries has.
        flipped: and whether with the opposite sign.
        count: how many distinct arguments of gates there are.
        same: for each maximum and order, the first node that chooses by the same argument.
        free: whether all patterns are known to be met by real networks.
        linear: whether the result is of degree at most 1 in every choice, so that residues in
            place of 0 and 1 span the same fields.
        with_inputs: whether every argument depends on an input.
    """

    program: Program
    classes: Mapping[int, NDArray[np.intp]]
    flipped: Mapping[int, NDArray[np.bool_]]
    count: int
    same: Mapping[int, int]
    free: bool
    linear: bool
    with_inputs: bool

    def draw(
        self,
        scalars: Residues,
        rng: np.random.Generator,
        shape: tuple[int, int],
        *,
        bits: bool = False,
    ) -> dict[int, Array]:
        """Random choices for (batch, data), by node: residues, or 0 and 1."""
        drawn = _entries(scalars, rng, (*shape, self.count), bits)
        out: dict[int, Array] = {}
        for index in self.program.choices:
            node = self.program.nodes[index]
            if index in self.classes:
                gate = drawn[..., self.classes[index]]
                flipped = self.flipped[index]
                if flipped.any():
                    other = 1 - gate if bits else scalars.reduce(1 - gate)
                    gate = np.where(flipped, other, gate)
                out[index] = gate
            elif self.same[index] != index:
                out[index] = out[self.same[index]]
            else:
                out[index] = _one_hot(scalars, rng, shape, node, bits)
        return out


def any_value(
    scalars: Residues, rng: np.random.Generator, shape: tuple[int, int], node: Node
) -> Array:
    """Residues for one choice, as if it had nothing to do with others: (batch, data, *shape).

    What is conserved for all of these is conserved on every pattern.
    """
    if node.op == "gate":
        return scalars.random(rng, (*shape, *node.shape))
    return _one_hot(scalars, rng, shape, node, False)


def _entries(
    scalars: Residues, rng: np.random.Generator, shape: tuple[int, ...], bits: bool
) -> Array:
    return rng.integers(0, 2, size=shape).astype(np.int8) if bits else scalars.random(rng, shape)


def _one_hot(
    scalars: Residues, rng: np.random.Generator, shape: tuple[int, int], node: Node, bits: bool
) -> Array:
    """A random choice along an axis, or a random point of the affine span of all choices."""
    full = (*shape, *node.shape)
    if node.op == "order":
        if bits:
            places = np.argsort(rng.random(full[:-1]), axis=-1)
            return np.asarray(places[..., None] == np.arange(full[-1]), dtype=np.int8)
        # permutation matrices span all matrices whose rows and columns add up to 1 (Birkhoff)
        free = _adding_to_one(scalars, scalars.random(rng, full), len(full) - 1)
        return _adding_to_one(scalars, free, len(full) - 2)
    axis = 2 + node.data[0]
    if bits:
        best = np.expand_dims(np.argmax(rng.random(full), axis=axis), axis)
        places = np.arange(full[axis]).reshape(-1, *(1,) * (len(full) - axis - 1))
        return np.asarray(best == places, dtype=np.int8)
    return _adding_to_one(scalars, scalars.random(rng, full), axis)


def _adding_to_one(scalars: Residues, free: Array, axis: int) -> Array:
    """The same with other first entries along an axis."""
    rest = scalars.reduce(free.sum(axis=axis, keepdims=True))
    first = (slice(None),) * axis + (slice(0, 1),)
    free[first] = scalars.reduce(free[first] - rest + 1)
    return free


def pieces(program: Program) -> Pieces:
    """Find out how the choices of a program hang together, at random points mod a random prime.

    What is found is the same for all primes but few, and nobody can foresee which one is drawn: two
    arguments that differ are taken for one with a probability below 10⁻¹².

    Args:
        program: with at least one choice.
    """
    rng = np.random.default_rng()
    scalars = scalars_for(random_prime(rng, 2**61, program.roots))
    looking = _Looking(program, scalars, rng)
    table = Pieces(
        program,
        looking.classes,
        looking.flipped,
        looking.count,
        looking.same,
        False,
        linear_in_choices(program, _groups(looking)),
        looking.with_inputs,
    )
    free = is_free(program, looking.places, lambda: table.draw(scalars, rng, (1, 1)), scalars, rng)
    return replace(table, free=free)


class _Looking:
    """One look at the arguments of all choices, in order, on choices drawn as they are found.

    Attributes:
        places: where the distinct ones stand among the entries of all arguments.
        with_inputs: whether all of them move with the input.
    """

    def __init__(self, program: Program, scalars: Residues, rng: np.random.Generator) -> None:
        self.program = program
        self.scalars = scalars
        self.rng = rng
        self.classes: dict[int, NDArray[np.intp]] = {}
        self.flipped: dict[int, NDArray[np.bool_]] = {}
        self.same: dict[int, int] = {}
        self.count = 0
        self.places: list[int] = []
        self.with_inputs = True
        self._entries = 0  # of arguments met so far
        self._first: dict[bytes, tuple[int, int]] = {}  # normalised columns → class, leading entry
        self._seen: dict[bytes, int] = {}
        self._gates = np.zeros((_SAMPLES, 0), dtype=scalars.dtype)
        theta = scalars.random(rng, (1, _SAMPLES, program.size))
        theta[:, 1] = theta[:, 0]  # these two points differ in the input alone
        inputs = [scalars.random(rng, (_SAMPLES, 1, *shape)) for _, shape in program.inputs]
        Run(program, _AnyRoot(scalars, int(rng.integers(2**62))), theta, inputs, self._choose)

    def _choose(self, index: int, node: Node, z: Array) -> Array:
        columns = np.broadcast_to(z[0], (_SAMPLES, *z.shape[2:])).reshape(_SAMPLES, -1)
        self.with_inputs &= bool((columns[0] != columns[1]).all())
        start = self._entries
        self._entries += columns.shape[1]
        if node.op != "gate":
            return self._new_choice(index, node, columns, start)
        self._classify(index, node, columns, start)
        missing = self.count - self._gates.shape[1]
        fresh = self.scalars.random(self.rng, (_SAMPLES, missing))
        fresh[:2] = fresh[:1]
        self._gates = np.concatenate([self._gates, fresh], axis=1)
        values = self._gates[:, self.classes[index].ravel()]
        flip = self.flipped[index].ravel()
        values = np.where(flip, self.scalars.reduce(1 - values), values)
        return values.reshape(1, _SAMPLES, 1, *node.shape)

    def _new_choice(self, index: int, node: Node, columns: Array, start: int) -> Array:
        canonical = self.scalars.canonical(columns)
        key = node.op.encode() + repr(node.data).encode() + canonical.tobytes()
        self.same[index] = self._seen.setdefault(key, index)
        if self.same[index] == index:
            self.places += range(start, start + columns.shape[1])
        return _one_hot(self.scalars, self.rng, (_SAMPLES, 1), node, bits=False)[None]

    def _classify(self, index: int, node: Node, columns: Array, start: int) -> None:
        classes = np.zeros(columns.shape[1], dtype=np.intp)
        flipped = np.zeros(columns.shape[1], dtype=np.bool_)
        scalars, p = self.scalars, int(self.scalars.prime)
        where = (columns != 0).argmax(axis=0)
        lead_row = np.take_along_axis(columns, where[None], axis=0)
        leads = scalars.canonical(lead_row[0]).tolist()
        normal = scalars.canonical(scalars.mul(columns, scalars.inverse(lead_row)))
        for k, lead in enumerate(leads):
            key = normal[:, k].tobytes()
            known = self._first.get(key)
            sign = 0
            if known is not None:
                sign = _sign(lead * pow(known[1], -1, p) % p if known[1] else 1, p)
            if known is None or not sign:
                known = (self.count, lead)
                self._first.setdefault(key, known)
                self.count += 1
                self.places.append(start + k)
                sign = 1
            classes[k], flipped[k] = known[0], sign < 0
        self.classes[index] = classes.reshape(node.shape)
        self.flipped[index] = flipped.reshape(node.shape)


def _groups(looking: _Looking) -> dict[int, int]:
    """For each choice the first that shares an argument with it."""
    group = dict(looking.same)
    owner: dict[int, int] = {}
    for index, classes in looking.classes.items():  # gate nodes that share an argument count as one
        group[index] = index
        for one in set(classes.ravel().tolist()):
            first = group[owner.setdefault(one, index)]
            merged = group[index]
            for other, target in group.items():
                if target == merged:
                    group[other] = first
    return group


class _AnyRoot(FormalRing):
    """Roots that need not exist: a formal value for each argument; only equality matters here."""

    def square_root(self, x: Array) -> Array:
        self.used_roots = True
        return self.formal().odd("root", x[:1])


def _sign(ratio: int, p: int) -> int:
    """The sign of a small fraction that is this residue; 0 where there is none."""
    for below in range(1, _RATIO):
        above = ratio * below % p
        if above < _RATIO:
            return 1
        if p - above < _RATIO:
            return -1
    return 0
