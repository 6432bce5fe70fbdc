"""Which pieces of a piecewise program are told apart: gates belong to their arguments (theory §12).

Equal arguments share a gate, opposite ones have gates g and 1 − g, positive multiples share.
Maxima and orders are one-hot choices. Where the distinct arguments are linearly independent, every
pattern of choices is met by some parameters and input; where they are not, some patterns exist in
no network, and a bound has to draw its patterns from real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.affine import linear_in_choices
from conserved.kernel.evaluate import Choose, Run, real_choice
from conserved.kernel.functions import FormalRing
from conserved.kernel.operations import LEAD
from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.program import Node, Program
from conserved.kernel.real import Reals
from conserved.kernel.residues import Residues, residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array

FORM_LIMIT = 3000  # distinct arguments beyond which their independence is not tested
_SAMPLES = 6  # points that tell two arguments apart
_RATIO = 64  # multiples by fractions of such numbers are seen
_SPARE = 4
_PROBES = 400  # real networks and inputs at a time
_MOST_PROBES = 60_000  # deep units are rarely active
_PROBED_VALUES = 10**7  # of all probes

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
        free: whether all patterns are met by real networks: the arguments are independent.
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


def _entries(
    scalars: Residues, rng: np.random.Generator, shape: tuple[int, ...], bits: bool
) -> Array:
    return rng.integers(0, 2, size=shape).astype(np.int8) if bits else scalars.random(rng, shape)


def _one_hot(
    scalars: Residues, rng: np.random.Generator, shape: tuple[int, int], node: Node, bits: bool
) -> Array:
    """A random choice along an axis, or the affine span of all choices."""
    if node.op == "order":
        *front, n, _ = node.shape
        places = np.argsort(rng.random((*shape, *front, n)), axis=-1)
        out = np.asarray(places[..., None] == np.arange(n), dtype=np.int8)
        if bits:
            return out
        total = np.zeros(out.shape, dtype=scalars.dtype)
        for weight in _weights(scalars, rng, n + 1, (*shape, *front)):
            places = np.argsort(rng.random((*shape, *front, n)), axis=-1)
            one = (places[..., None] == np.arange(n)).astype(scalars.dtype)
            total = scalars.reduce(total + scalars.mul(weight[..., None, None], one))
        return total
    axis = 2 + node.data[0]
    full = (*shape, *node.shape)
    if bits:
        best = np.expand_dims(np.argmax(rng.random(full), axis=axis), axis)
        places = np.arange(full[axis]).reshape(-1, *(1,) * (len(full) - axis - 1))
        return np.asarray(best == places, dtype=np.int8)
    free = scalars.random(rng, full)
    rest = scalars.reduce(free.sum(axis=axis, keepdims=True))
    first = (slice(None),) * axis + (slice(0, 1),)
    free[first] = scalars.reduce(free[first] - rest + 1)
    return free


def _weights(
    scalars: Residues, rng: np.random.Generator, count: int, shape: tuple[int, ...]
) -> list[Array]:
    """Random residues that add up to 1."""
    weights = [scalars.random(rng, shape) for _ in range(count - 1)]
    rest = scalars.reduce(1 - np.sum(weights, axis=0)) if weights else np.ones(shape, scalars.dtype)
    return [*weights, rest]


def pieces(program: Program, seed: int = 0) -> Pieces:
    """Find out how the choices of a program hang together, at random points mod a prime.

    Distinct arguments are never taken for one but by an accident of probability below 10⁻³⁰.

    Args:
        program: with at least one choice.
        seed: draws the points.
    """
    rng = np.random.default_rng([seed, 31])
    roots = program.roots
    scalars = residues(BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots))
    first = _Looking(program, scalars, rng)
    first.look(_SAMPLES)
    forms = first.forms
    free = forms <= FORM_LIMIT and not first.zero and first.rank(forms + _SPARE) == forms
    return Pieces(
        program,
        first.classes,
        first.flipped,
        first.count,
        first.same,
        free and _both_signs(program, first, rng),
        linear_in_choices(program, _groups(first)),
        all(program.on_inputs[program.nodes[i].args[0]] for i in program.choices),
    )


class _Looking:
    """One look at the arguments of all choices, in order, on choices drawn as they are found."""

    def __init__(self, program: Program, scalars: Residues, rng: np.random.Generator) -> None:
        self.program = program
        self.scalars = scalars
        self.rng = rng
        self.classes: dict[int, NDArray[np.intp]] = {}
        self.flipped: dict[int, NDArray[np.bool_]] = {}
        self.same: dict[int, int] = {}
        self.count = 0
        self.forms = 0
        self.zero = False  # whether some argument vanishes
        self._first: dict[bytes, tuple[int, int]] = {}  # normalised columns → class, leading entry
        self._seen: dict[bytes, int] = {}

    def _run(self, count: int, choose: Choose) -> None:
        scalars, program = self.scalars, self.program
        theta = scalars.random(self.rng, (1, count, program.size))
        inputs = [scalars.random(self.rng, (count, 1, *shape)) for _, shape in program.inputs]
        ring = _AnyRoot(scalars, int(self.rng.integers(2**62)))
        Run(program, ring, theta, inputs, choose)

    def look(self, samples: int) -> None:
        """Find the distinct arguments."""
        gates = np.zeros((samples, 0), dtype=self.scalars.dtype)

        def choose(index: int, node: Node, z: Array) -> Array:
            nonlocal gates
            columns = _columns(z, samples)
            if node.op != "gate":
                return self._new_choice(index, node, columns, samples)
            self._classify(index, node, columns)
            missing = self.count - gates.shape[1]
            gates = np.concatenate(
                [gates, self.scalars.random(self.rng, (samples, missing))], axis=1
            )
            values = gates[:, self.classes[index].ravel()]
            flip = self.flipped[index].ravel()
            values = np.where(flip, self.scalars.reduce(1 - values), values)
            return values.reshape(1, samples, 1, *node.shape)

        self._run(samples, choose)

    def _new_choice(self, index: int, node: Node, columns: Array, samples: int) -> Array:
        key = node.op.encode() + repr(node.data).encode() + columns.tobytes()
        self.same[index] = self._seen.setdefault(key, index)
        if self.same[index] == index:
            self.forms += _differences(node)
        return _one_hot(self.scalars, self.rng, (samples, 1), node, bits=False)[None]

    def _classify(self, index: int, node: Node, columns: Array) -> None:
        classes = np.zeros(columns.shape[1], dtype=np.intp)
        flipped = np.zeros(columns.shape[1], dtype=np.bool_)
        scalars, p = self.scalars, int(self.scalars.prime)
        where = (columns != 0).argmax(axis=0)
        lead_row = np.take_along_axis(columns, where[None], axis=0)
        leads = scalars.canonical(lead_row[0]).astype(np.int64)
        normal = scalars.mul(columns, scalars.inverse(lead_row))
        for k in range(columns.shape[1]):
            lead, key = int(leads[k]), normal[:, k].tobytes()
            known = self._first.get(key)
            sign = 0
            if known is not None:
                sign = _sign(lead * pow(known[1], -1, p) % p if known[1] else 1, p)
            if known is None or not sign:
                known = (self.count, lead)
                self._first.setdefault(key, known)
                self.count += 1
                self.forms += 1
                self.zero |= not lead
                sign = 1
            classes[k], flipped[k] = known[0], sign < 0
        self.classes[index] = classes.reshape(node.shape)
        self.flipped[index] = flipped.reshape(node.shape)

    def rank(self, rows: int) -> int:
        """How many of the distinct arguments are linearly independent modulo constants."""
        table = Pieces(
            self.program, self.classes, self.flipped, self.count, self.same, True, True, True
        )
        drawn = table.draw(self.scalars, self.rng, (rows, 1))
        columns: list[Array] = []
        met: set[int] = set()

        def choose(index: int, node: Node, z: Array) -> Array:
            flat = _columns(z, rows)
            if index in self.classes:
                for k, one in enumerate(self.classes[index].ravel().tolist()):
                    if one not in met:
                        met.add(one)
                        columns.append(flat[:, k : k + 1])
            elif self.same[index] == index:
                columns.append(self.scalars.reduce(_relative(node, flat)))
            return drawn[index][None]

        self._run(rows, choose)
        ones = np.ones((rows, 1), dtype=self.scalars.dtype)
        values = np.concatenate([*columns, ones], axis=1)
        space = RowSpace(self.scalars, values.shape[1])
        space.add(values)
        return space.rank - 1


def _both_signs(program: Program, looking: _Looking, rng: np.random.Generator) -> bool:
    """Whether every gate is open for some real network and input, and closed for another."""
    seen = np.zeros((looking.count, 2), dtype=np.bool_)

    def choose(index: int, node: Node, z: Array) -> Array:
        if node.op == "gate":
            classes, flipped = looking.classes[index], looking.flipped[index]
            for side in (0, 1):
                met = (z[0] > 0 if side else z[0] < 0).any(axis=(0, 1))
                np.logical_or.at(seen, (classes, np.where(flipped, 1 - side, side)), met)
        return real_choice(index, node, z)

    most = min(_MOST_PROBES, max(_PROBES, _PROBED_VALUES // max(program.volume(), 1)))
    for _ in range(0, most, _PROBES):
        theta = rng.standard_normal((1, _PROBES, program.size))
        inputs = [rng.standard_normal((_PROBES, 1, *shape)) for _, shape in program.inputs]
        Run(program, FormalRing(Reals()), theta, inputs, choose)
        if seen.all():
            return True
    return False


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


def _columns(z: Array, samples: int) -> Array:
    wide = np.broadcast_to(z[0], (samples, *z.shape[2:]))
    return wide.reshape(samples, -1)


def _differences(node: Node) -> int:
    """How many independent differences a one-hot choice compares."""
    if node.op == "order":
        *front, n, _ = node.shape
        return prod(front) * (n - 1)
    axis = node.data[0]
    return int(prod(node.shape) // node.shape[axis] * (node.shape[axis] - 1))


def _relative(node: Node, flat: Array) -> Array:
    """The differences to the first along the axis of a choice, (rows, count)."""
    shape = node.shape[:-1] if node.op == "order" else node.shape
    axis = len(shape) - 1 if node.op == "order" else node.data[0]
    cube = np.moveaxis(flat.reshape(len(flat), *shape), 1 + axis, -1)
    return (cube[..., 1:] - cube[..., :1]).reshape(len(flat), -1)


def _sign(ratio: int, p: int) -> int:
    """The sign of a small fraction that is this residue; 0 where there is none."""
    for below in range(1, _RATIO):
        above = ratio * below % p
        if above < _RATIO:
            return 1
        if p - above < _RATIO:
            return -1
    return 0


def real_choices(
    program: Program, theta: Array, inputs: list[Array]
) -> dict[int, NDArray[np.int8]]:
    """What a real network chooses, by node: (batch, data, *shape).

    Args:
        program: of the network.
        theta: (1, batch, D) in float64.
        inputs: (batch, data, *shape) each.
    """
    met: dict[int, NDArray[np.int8]] = {}

    def choose(index: int, node: Node, z: Array) -> Array:
        chosen = real_choice(index, node, z)
        batch, data = inputs[0].shape[:2]
        met[index] = np.broadcast_to(chosen[0], (batch, data, *chosen.shape[LEAD:])).astype(np.int8)
        return chosen

    Run(program, FormalRing(Reals()), theta, inputs, choose)
    return met
