"""The contract of ``networks.base.Network``, executable: run it on any network, yours too.

Every check compares two roads that share as little as possible: residues mod p against fractions
of Python integers, gradients against the infinitesimal part of the forward pass, infinitesimal
parts against finite differences, a batch against its members.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.errors import InputError, is_whole
from conserved.kernel.choices import pieces
from conserved.kernel.evaluate import given
from conserved.kernel.functions import FormalRing
from conserved.kernel.jets import halves, join
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES
from conserved.kernel.real import Reals
from conserved.kernel.residues import FloatResidues, IntResidues, Residues
from conserved.kernel.scalars import Array, Scalars
from conserved.networks.base import Network

__all__ = ["check_network"]

_BATCH, _DATA = 3, 2
_ROUNDS = 12  # of redrawing points without a value, twice as many points each time
_DEGREE_LIMIT = 80  # above that, jets are compared with float differences only
_STEP = 2e-4  # of central differences with one Richardson step: error about step⁴
_TOLERANCE = 1e-6

_Differences = Callable[[Scalars, Callable[[Array], Array]], Array | None]


def check_network(network: Network, seed: int = 0) -> None:
    """Assert that a network obeys the contract of ``networks.base.Network``.

    With F(θ) = Σ_i J(θ, x_i)ᵀ v_i the field of data x_i and pulls v_i, D the derivative in θ:

    - outputs and parameters have the declared shapes, names differ, and every parameter is used;
    - without transcendental functions, F mod p at an integer point is F over the integers,
      reduced mod p, and float64 agrees with it;
    - both layouts of GF(p) give the same residues, formal values included;
    - ⟨F(θ), a⟩ = Σ_i ⟨v_i, Df(θ, x_i)·a⟩, exactly over GF(p): backward pass against forward pass;
    - F(θ + εa) = F(θ) + ε DF(θ)·a, the right-hand side by differences: exactly over GF(p) for
      polynomials in θ, in float64 always; likewise for jets of jets;
    - fields of one batch do not mix, whether they share θ or not, and the field of several data
      is the sum of theirs.

    Gates, maxima and orders are run on random choices, the same in all of these.

    Args:
        network: any network, of this package or not.
        seed: fixes points, data and patterns.

    Raises:
        AssertionError: with the network, and what does not hold.
        InputError: its ``forward`` cannot be traced.

    Example:
        >>> from conserved.networks import Linear
        >>> check_network(Linear(2, 3, 1))
        >>> class Halved(Linear):
        ...     def activation(self, z):
        ...         return z.scale(0.5)  # no element of GF(p); Fraction(1, 2) is
        >>> check_network(Halved(2, 3, 1))
        Traceback (most recent call last):
        conserved.errors.InputError: network '0.5': numbers in a network are exact: ...
    """
    if not isinstance(network, Network):
        raise InputError("network", repr(network), "give a conserved.networks.Network")
    if not is_whole(seed) or seed < 0:
        raise InputError("seed", seed, "a seed is an integer ≥ 0")
    rng = np.random.default_rng(seed)
    _check_declaration(network)
    algebraic = _check_integers(network, rng)
    _check_layouts(network, rng)
    _check_batch(network, rng)
    _check_gradients(network, rng)
    if algebraic:
        _check_jets(network, rng, FloatResidues(BLAS_PRIMES[0]), _newton_slope)
    _check_jets(network, rng, Reals(), _central_slope)


# the checks


def _check_declaration(network: Network) -> None:
    unused = {parameter.name for parameter in network.parameters} - network.program.used()
    _require(not unused, f"{network}: forward does not use {', '.join(sorted(unused))}")


def _check_integers(network: Network, rng: np.random.Generator) -> bool:
    """Fields mod p against fields over Q; whether the network is made of ring operations only."""
    ring = _RationalRing()

    def small(shape: Sequence[int]) -> Array:
        return ring.scalars.from_integers(rng.integers(-2, 3, size=shape))

    try:
        sample = _sample(network, rng, ring, small)
    except _NotRational:
        return False
    # θ + ε1 a + ε2 b + ε1ε2 c: the second derivatives are compared too
    theta = np.concatenate([sample.theta, small((3, 1, network.size))])
    expected = _evaluate(network, ring, theta, sample)
    blas, wide = BLAS_PRIMES[0], INT64_PRIMES[0]
    for scalars in (FloatResidues(blas), IntResidues(blas), IntResidues(wide), Reals()):
        there = sample.mapped(scalars.from_integers)
        found = _evaluate(network, FormalRing(scalars), scalars.from_integers(theta), there)
        reduced = _reduced(scalars, expected)
        _require_same(scalars, found, reduced, f"{network}: fields are not the integer ones")
    return True


def _check_layouts(network: Network, rng: np.random.Generator) -> None:
    """float64 and int64 residues agree at a random point, on jets."""
    floats, integers = FloatResidues(BLAS_PRIMES[1]), IntResidues(BLAS_PRIMES[1])
    sample = _sample(network, rng, FormalRing(floats), _random(floats, rng))
    theta = np.concatenate([sample.theta, floats.random(rng, (3, 1, network.size))])

    def moved(x: Array) -> Array:
        return integers.from_canonical(floats.canonical(x))

    first = _evaluate(network, FormalRing(floats), theta, sample)
    second = _evaluate(network, FormalRing(integers), moved(theta), sample.mapped(moved))
    _require_same(integers, second, moved(first), f"{network}: both layouts of GF(p) differ")


def _check_batch(network: Network, rng: np.random.Generator) -> None:
    """Fields of a batch stay apart; data add up."""
    scalars = FloatResidues(BLAS_PRIMES[0])
    ring = FormalRing(scalars)
    sample = _sample(network, rng, ring, _random(scalars, rng))

    def fields(part: _Sample, theta: Array = sample.theta) -> Array:
        return _evaluate(network, ring, theta, part)

    together = fields(sample)
    unshared = fields(sample, np.repeat(sample.theta, _BATCH, axis=1))  # a copy for each field
    _require_same(scalars, unshared, together, f"{network}: fields depend on how θ is stored")
    apart = [fields(sample.take(slice(i, i + 1))) for i in range(_BATCH)]
    joined = np.concatenate(apart, axis=1)
    _require_same(scalars, together, joined, f"{network}: fields of one batch mix")
    data = [fields(sample.take(slice(None), slice(j, j + 1))) for j in range(_DATA)]
    total = scalars.reduce(np.sum(data, axis=0))
    _require_same(scalars, together, total, f"{network}: a field is not the sum over its data")


def _check_gradients(network: Network, rng: np.random.Generator) -> None:
    """Gradients are the adjoint of the forward derivative."""
    scalars = FloatResidues(BLAS_PRIMES[0])
    ring = FormalRing(scalars)
    sample = _sample(network, rng, ring, _random(scalars, rng))
    along = scalars.random(rng, (1, _BATCH, network.size))
    value, slope = _evaluate(network, ring, join(sample.theta, along), sample)
    backward = scalars.reduce(scalars.mul(value[:, 1:], along[0]).sum(axis=1))
    what = f"{network}: gradients are not the derivative of the forward pass"
    _require_same(scalars, backward, slope[:, 0], what)


def _check_jets(
    network: Network, rng: np.random.Generator, scalars: Scalars, slope_of: _Differences
) -> None:
    """F(θ + εa) = F(θ) + ε DF(θ)·a, the right-hand side by differences; on jets of jets too."""
    ring, random = FormalRing(scalars), _random(scalars, rng)
    sample = _sample(network, rng, ring, random).take(slice(0, 1))
    for jets in (1, 2):
        base, along = random((jets, 1, network.size)), random((jets, 1, network.size))
        base[:1] = sample.theta

        def at(times: Array, base: Array = base, along: Array = along) -> Array:
            moved = scalars.mul(along, times[None, :, None])
            repeated = sample.take(np.zeros(len(times), dtype=np.intp))
            return _evaluate(network, ring, scalars.reduce(base + moved), repeated)

        expected = slope_of(scalars, at)
        if expected is None:
            return
        found = halves(_evaluate(network, ring, join(base, along), sample))[1]
        what = f"{network}: jets of order {jets} are not the derivative over {scalars}"
        _require_same(scalars, found, expected, what)


def _newton_slope(scalars: Scalars, at: Callable[[Array], Array]) -> Array | None:
    """F′(0) = Σ_k (−1)^{k−1} Δ^k F(0) / k for polynomial F, from F(0), F(1), …; else None."""
    degree = 8
    while degree <= _DEGREE_LIMIT:
        difference = at(scalars.from_integers(np.arange(degree + 3)))
        slope = np.zeros_like(difference[:, :1])
        for k in range(1, degree + 2):  # two differences at least are left to be zero
            difference = scalars.reduce(difference[:, 1:] - difference[:, :-1])
            if not difference.any():
                return slope
            factor = np.asarray(scalars.fraction((-1) ** (k - 1), k))
            slope = scalars.reduce(slope + scalars.mul(difference[:, :1], factor))
        degree *= 3
    return None


def _central_slope(scalars: Scalars, at: Callable[[Array], Array]) -> Array:
    """F′(0) in float64 by central differences at two steps, extrapolated (Richardson)."""
    values = at(_STEP * np.array([2.0, -2.0, 1.0, -1.0]))
    weights = np.array([-1.0, 1.0, 8.0, -8.0]) / (12 * _STEP)
    slope: Array = (values * weights[:, None]).sum(axis=1, keepdims=True)
    return slope


# one evaluation


@dataclass(frozen=True)
class _Sample:
    """Fields to evaluate: θ (1, 1, D), data, pulls, choices; all but θ have axes (batch, data)."""

    theta: Array
    inputs: Array
    pulls: Array
    gates: dict[int, NDArray[np.int8]]

    def take(
        self, batch: slice | NDArray[np.intp], data: slice | NDArray[np.intp] = slice(None)
    ) -> _Sample:
        """Some of the fields, with some of their data."""
        return _Sample(
            self.theta,
            self.inputs[batch][:, data],
            self.pulls[batch][:, data],
            {index: gate[batch][:, data] for index, gate in self.gates.items()},
        )

    def mapped(self, convert: Callable[[Array], Array]) -> _Sample:
        """The same sample in other scalars."""
        return _Sample(convert(self.theta), convert(self.inputs), convert(self.pulls), self.gates)


def _evaluate(network: Network, ring: FormalRing, theta: Array, sample: _Sample) -> Array:
    """Σ_i ⟨v_i, f(θ, x_i)⟩, then the field F(θ): (jet, batch, 1 + D) at θ (jet, batch or 1, D)."""
    batch = len(sample.inputs)
    wide = np.broadcast_to(theta, (len(theta), batch, network.size))
    run = network.run(ring, wide, sample.inputs, given(sample.gates))
    pulls = sample.pulls[None]
    values = np.zeros((len(theta), batch, 1 + network.size), dtype=ring.scalars.dtype)
    pulled = ring.mul(run.output, pulls)
    values[: len(pulled), :, 0] = pulled.reshape(*pulled.shape[:2], -1).sum(axis=-1)
    gradient = run.gradient(pulls)
    values[: len(gradient), :, 1:] = gradient
    return ring.scalars.reduce(values)


def _sample(
    network: Network,
    rng: np.random.Generator,
    ring: FormalRing,
    numbers: Callable[[Sequence[int]], Array],
) -> _Sample:
    """A random sample at which the network has values (roots exist, nothing divides by 0)."""
    for attempt in range(_ROUNDS):
        count = _BATCH << attempt
        sample = _Sample(
            numbers((1, 1, network.size)),
            numbers((count, _DATA, *network.input_shape)),
            numbers((count, _DATA, *network.output_shape)),
            _patterns(network, count, rng),
        )
        ring.invalid = None
        _evaluate(network, ring, sample.theta, sample)
        invalid = np.broadcast_to(False if ring.invalid is None else ring.invalid, (count,))
        valid = np.flatnonzero(~invalid)
        if len(valid) >= _BATCH:
            return sample.take(valid[:_BATCH])
    raise AssertionError(f"{network}: has no value at random points over {ring.scalars}")


def _patterns(
    network: Network, count: int, rng: np.random.Generator
) -> dict[int, NDArray[np.int8]]:
    """Random choices (batch, data, *shape) of 0 and 1, for each node that chooses."""
    if not network.piecewise:
        return {}
    scalars = FloatResidues(BLAS_PRIMES[0])
    return pieces(network.program).draw(scalars, rng, (count, _DATA), bits=True)


# comparing


def _require(holds: bool | np.bool_, what: str) -> None:
    """``assert`` that survives ``python -O`` and leaves its message as it is under pytest."""
    if not holds:
        raise AssertionError(what)


def _require_same(scalars: Scalars, found: Array, expected: Array, what: str) -> None:
    """Equal residues, or float64 that differ by rounding only."""
    if isinstance(scalars, Residues):
        p = int(scalars.prime)
        whole = (found == np.rint(found)).all()
        _require(whole, f"{what}: entries mod {p} are not integers")
        same = scalars.canonical(found) == scalars.canonical(expected)
        _require(same.all(), f"{what} ({(~same).sum()} of {same.size} entries mod {p})")
    else:
        worst = np.abs(found - expected).max() / (1.0 + np.abs(expected).max())
        _require(worst < _TOLERANCE, f"{what} (by {worst:.1e} of the largest, in float64)")


def _random(scalars: Scalars, rng: np.random.Generator) -> Callable[[Sequence[int]], Array]:
    """Random scalars; small ones over the reals, where exp of exp would outgrow differences."""
    size = 1 if scalars.exact else 0.5
    return lambda shape: scalars.random(rng, shape) * size


def _reduced(scalars: Scalars, values: Array) -> Array:
    """Fractions as other scalars."""
    exactly = np.frompyfunc(lambda v: scalars.fraction(v.numerator, v.denominator), 1, 1)
    return np.asarray(exactly(values), dtype=scalars.dtype)


# the rationals, exact and slow


class _NotRational(Exception):
    """A function was met that has no rational values."""


class _Rationals(Reals):
    """Python integers and fractions in object arrays."""

    dtype = np.dtype(object)  # type: ignore[assignment]
    exact = True

    def reduce(self, x: Array) -> Array:
        """Floats that slipped in become the fractions they are."""
        exactly = np.frompyfunc(lambda v: Fraction(v) if isinstance(v, float) else v, 1, 1)
        return np.asarray(exactly(x), dtype=object)

    def mul(self, a: Array, b: Array) -> Array:
        return self.reduce(np.asarray(a * b, dtype=object))

    def matmul(self, a: Array, b: Array) -> Array:
        return self.reduce(np.matmul(a, b))

    def inverse(self, x: Array) -> Array:
        return np.asarray(np.frompyfunc(lambda v: Fraction(1) / v if v else 0, 1, 1)(x))

    def square_root(self, x: Array) -> tuple[Array, NDArray[np.bool_]]:
        raise _NotRational

    def from_integers(self, values: Any) -> Array:
        return np.asarray(values, dtype=object)

    def fraction(self, numerator: int, denominator: int) -> Any:
        return Fraction(numerator, denominator)

    def cos_sin(self, k: int) -> tuple[float, float]:
        raise _NotRational


class _RationalRing(FormalRing):
    """Jets over the rationals, without elementary functions."""

    def __init__(self) -> None:
        super().__init__(_Rationals())

    def function(self, name: str, z: Array) -> Array:
        raise _NotRational

    def constant(self, name: str) -> float | int | Array:
        raise _NotRational
