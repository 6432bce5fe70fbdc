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

from conserved.arithmetic.functions import FormalRing
from conserved.arithmetic.jets import halves, join
from conserved.arithmetic.primes import BLAS_PRIMES, INT64_PRIMES
from conserved.arithmetic.real import Reals
from conserved.arithmetic.residues import FloatResidues, IntResidues, Residues
from conserved.arithmetic.scalars import Array, Scalars
from conserved.arithmetic.tape import LEAD, Tape
from conserved.networks.base import Network

__all__ = ["check_network"]

_BATCH, _DATA = 3, 2
_ROUNDS = 12  # of redrawing points without a value, twice as many points each time
_DEGREE_LIMIT = 80  # above that, jets are compared with float differences only
_STEP = 2e-4  # of central differences with one Richardson step: error about step⁴
_TOLERANCE = 1e-6


def check_network(network: Network, seed: int = 0) -> None:
    """Assert that a network obeys the contract of ``networks.base.Network``.

    With F(θ) = Σ_i J(θ, x_i)ᵀ v_i the field of data x_i and pulls v_i, D the derivative in θ:

    - outputs, gradients and parameters have the declared shapes, ``piecewise`` says whether
      ``relu`` occurs, and no parameter has a gradient that is identically zero;
    - without transcendental functions, F mod p at an integer point is F over the integers,
      reduced mod p, and float64 agrees with it;
    - both layouts of GF(p) give the same residues, formal values included;
    - ⟨F(θ), a⟩ = Σ_i ⟨v_i, Df(θ, x_i)·a⟩, exactly over GF(p): backward pass against forward pass;
    - F(θ + εa) = F(θ) + ε DF(θ)·a, the right-hand side by differences: exactly over GF(p) for
      polynomials in θ, in float64 always; likewise for jets of jets;
    - fields of one batch do not mix, whether they share θ or not, and the field of several data
      is the sum of theirs.

    ``relu`` is run on random activation patterns, the same in all of these.

    Args:
        network: any network, of this package or not.
        seed: fixes points, data and patterns.

    Raises:
        AssertionError: with the network, and what does not hold.

    Example:
        >>> from conserved.networks import Linear
        >>> check_network(Linear(2, 3, 1))
        >>> class Halved(Linear):
        ...     def activation(self, z):
        ...         return z.scale(0.5)  # no element of GF(p); scalars.fraction(1, 2) is
        >>> check_network(Halved(2, 3, 1))
        Traceback (most recent call last):
        AssertionError: <Halved linear:2-3-1>: entries mod 8388593 are not integers
    """
    rng = np.random.default_rng(seed)
    _check_declaration(network)
    algebraic = _check_integers(network, rng)
    _check_layouts(network, rng)
    _check_batch(network, rng)
    _check_gradients(network, rng)
    if algebraic:
        _check_jets_exactly(network, rng)
    _check_jets_in_float64(network, rng)


# the checks


def _check_declaration(network: Network) -> None:
    names = [parameter.name for parameter in network.parameters]
    _require(len(set(names)) == len(names), f"{network}: parameter names repeat: {names}")
    _require(network.size > 0, f"{network}: no parameters")
    gates = _patterns(network, 1, np.random.default_rng(0))
    occurs = "occurs" if gates else "does not occur"
    told = bool(gates) == network.piecewise
    _require(told, f"{network}: relu {occurs}, but piecewise is {network.piecewise}")


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
        for exact, values, what in zip(expected, found, ("outputs", "fields"), strict=True):
            what = f"{network}: {what} over {scalars} and the integer ones"
            if isinstance(scalars, Residues):
                same = _canonical(network, scalars, values) == _reduced(exact, int(scalars.prime))
                _require(same.all(), f"{what} differ")
            else:
                _assert_close(values, exact.astype(np.float64), what)
    return True


def _check_layouts(network: Network, rng: np.random.Generator) -> None:
    """float64 and int64 residues agree at a random point, on jets."""
    prime = BLAS_PRIMES[1]
    floats, integers = FloatResidues(prime), IntResidues(prime)
    sample = _sample(network, rng, FormalRing(floats), _random(floats, rng))
    theta = np.concatenate([sample.theta, floats.random(rng, (3, 1, network.size))])

    def moved(x: Array) -> Array:
        return integers.from_canonical(floats.canonical(x))

    first = _evaluate(network, FormalRing(floats), theta, sample)
    second = _evaluate(network, FormalRing(integers), moved(theta), sample.mapped(moved))
    for a, b, what in zip(first, second, ("outputs", "fields"), strict=True):
        same = _canonical(network, floats, a) == _canonical(network, integers, b)
        _require(same.all(), f"{network}: {what} differ between float64 and int64 residues")


def _check_gradients(network: Network, rng: np.random.Generator) -> None:
    """Each parameter has a gradient, and it is the adjoint of the forward derivative."""
    scalars = FloatResidues(BLAS_PRIMES[0])
    ring = FormalRing(scalars)
    met = np.zeros(network.size, dtype=np.bool_)
    for _ in range(3):  # one random pattern of relu may cut a parameter off
        sample = _sample(network, rng, ring, _random(scalars, rng))
        along = scalars.random(rng, (1, _BATCH, network.size))
        output, fields = _evaluate(network, ring, join(sample.theta, along), sample)
        met |= (fields[0] != 0).any(axis=0)
        forward = _sum(scalars, scalars.mul(sample.pulls, output[1]))
        backward = _sum(scalars, scalars.mul(fields[0], along[0]))
        adjoint = scalars.is_zero(scalars.reduce(forward - backward)).all()
        _require(adjoint, f"{network}: gradients are not the derivative of the forward pass")
    start = 0
    for parameter in network.parameters:
        reached = met[start : start + parameter.size].any()
        _require(reached, f"{network}: no gradient reaches parameter '{parameter.name}'")
        start += parameter.size


def _check_batch(network: Network, rng: np.random.Generator) -> None:
    """Fields of a batch stay apart; data add up."""
    scalars = FloatResidues(BLAS_PRIMES[0])
    ring = FormalRing(scalars)
    sample = _sample(network, rng, ring, _random(scalars, rng))
    together = _evaluate(network, ring, sample.theta, sample)[1]
    apart = np.repeat(sample.theta, _BATCH, axis=1)  # a copy: no longer one θ for all
    unshared = _evaluate(network, ring, apart, sample)[1]
    members = [slice(i, i + 1) for i in range(_BATCH)]
    single = [_evaluate(network, ring, sample.theta, sample.take(i))[1] for i in members]
    _require(_equal(scalars, together, unshared), f"{network}: fields depend on how θ is stored")
    joined = np.concatenate(single, axis=1)
    _require(_equal(scalars, together, joined), f"{network}: fields of one batch mix")
    data = [sample.take(slice(None), slice(j, j + 1)) for j in range(_DATA)]
    total = sum(_evaluate(network, ring, sample.theta, datum)[1] for datum in data)
    summed = _equal(scalars, together, scalars.reduce(np.asarray(total)))
    _require(summed, f"{network}: the field of {_DATA} data is not the sum of theirs")


def _check_jets_exactly(network: Network, rng: np.random.Generator) -> None:
    """ε-parts against Newton's series of exact differences, for fields polynomial in θ."""
    scalars = FloatResidues(BLAS_PRIMES[0])
    ring = FormalRing(scalars)
    sample = _sample(network, rng, ring, _random(scalars, rng)).take(slice(0, 1))
    for jets in (1, 2):
        base = scalars.random(rng, (jets, 1, network.size))
        base[:1] = sample.theta
        along = scalars.random(rng, base.shape)

        def at(times: NDArray[np.int64], base: Array = base, along: Array = along) -> Array:
            moved = scalars.mul(along, scalars.from_integers(times)[None, :, None])
            theta = scalars.reduce(base + moved)
            repeated = sample.take(np.zeros(len(times), dtype=np.intp))
            return _evaluate(network, ring, theta, repeated)[1]

        expected = _newton_slope(scalars, at)
        if expected is None:
            return
        slope = halves(_evaluate(network, ring, join(base, along), sample)[1])[1]
        same = _equal(scalars, slope, expected)
        _require(same, f"{network}: jets of order {jets} are not the derivative (over GF(p))")


def _check_jets_in_float64(network: Network, rng: np.random.Generator) -> None:
    """Fields and ε-parts against central differences."""
    ring = FormalRing(Reals())
    sample = _sample(network, rng, ring, lambda shape: 0.5 * rng.standard_normal(shape))
    for jets in (1, 2):
        base = 0.5 * rng.standard_normal((jets, 1, network.size))
        base[:1] = sample.theta
        along = rng.standard_normal(base.shape)

        def at(
            time: float, base: Array = base, along: Array = along
        ) -> tuple[Array, Array]:  # ⟨v, f⟩ and F at θ + time·a
            output, fields = _evaluate(network, ring, base + time * along, sample)
            pulled = output * sample.pulls
            return pulled.reshape(*pulled.shape[:2], -1).sum(axis=-1), fields

        wide, narrow = (
            [(above - below) / (2 * step) for above, below in zip(at(step), at(-step), strict=True)]
            for step in (_STEP, _STEP / 2)
        )
        pulled, slope = ((4 * b - a) / 3 for a, b in zip(wide, narrow, strict=True))
        plain, jet = halves(_evaluate(network, ring, join(base, along), sample)[1])
        _assert_close(jet, slope, f"{network}: jets of order {jets} and float differences")
        if jets == 1:
            gradient = (plain * along).sum(axis=-1)
            _assert_close(gradient, pulled, f"{network}: gradients and float differences")


# one evaluation


@dataclass(frozen=True)
class _Sample:
    """Fields to evaluate: θ (1, 1, D), data, pulls, patterns; all but θ have axes (batch, data)."""

    theta: Array
    inputs: Array
    pulls: Array
    gates: tuple[NDArray[np.int64], ...]

    def take(
        self, batch: slice | NDArray[np.intp], data: slice | NDArray[np.intp] = slice(None)
    ) -> _Sample:
        """Some of the fields, with some of their data."""
        return _Sample(
            self.theta,
            self.inputs[batch][:, data],
            self.pulls[batch][:, data],
            tuple(gate[batch][:, data] for gate in self.gates),
        )

    def mapped(self, convert: Callable[[Array], Array]) -> _Sample:
        """The same sample in other scalars."""
        return _Sample(convert(self.theta), convert(self.inputs), convert(self.pulls), self.gates)


def _evaluate(
    network: Network, ring: FormalRing, theta: Array, sample: _Sample
) -> tuple[Array, Array]:
    """Output (jet, batch, data, *output) and fields (jet, batch, D) at θ (jet, batch or 1, D)."""
    gates = iter(sample.gates)
    tape = Tape(ring, lambda z: next(gates)[None].astype(z.dtype))
    batch = len(sample.inputs)
    wide = np.broadcast_to(theta, (len(theta), batch, network.size))
    output, variables = network.run(tape, wide, sample.inputs)
    shape, declared = output.shape, network.output_shape
    _require(shape == declared, f"{network}: outputs have shape {shape}, declared {declared}")
    pulls = sample.pulls[None]
    lead = np.broadcast_shapes(output.value.shape[1:LEAD], pulls.shape[1:LEAD])
    _require(lead == pulls.shape[1:LEAD], f"{network}: outputs have batch and data axes {lead}")
    fields = np.zeros(wide.shape, dtype=ring.scalars.dtype)
    start = 0
    gradients = tape.gradients(output, pulls, variables)
    for parameter, gradient in zip(network.parameters, gradients, strict=True):
        if gradient.ndim > LEAD or parameter.shape == ():  # else the zero of an unused parameter
            found, due = gradient.shape[2:], (1, *parameter.shape)
            what = f"{network}: the gradient of '{parameter.name}' has axes (datum, …) = {found}"
            _require(found == due, f"{what}, not {due}")
        block = fields[: len(gradient), :, start : start + parameter.size]
        block[...] = gradient.reshape(*gradient.shape[:2], -1)
        start += parameter.size
    return np.broadcast_to(output.value, (len(output.value), *lead, *shape)), fields


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
) -> tuple[NDArray[np.int64], ...]:
    """Random activation patterns (batch, data, *units), one for each call of ``relu``."""
    gates: list[NDArray[np.int64]] = []

    def flip(z: Array) -> Array:
        gates.append(rng.integers(0, 2, size=(count, _DATA, *z.shape[LEAD:])))
        return gates[-1][None].astype(z.dtype)

    inputs = np.ones((count, _DATA, *network.input_shape))
    network.run(Tape(FormalRing(Reals()), flip), np.ones((1, count, network.size)), inputs)
    return tuple(gates)


# comparing


def _require(holds: bool | np.bool_, what: str) -> None:
    """``assert`` that survives ``python -O`` and leaves its message as it is under pytest."""
    if not holds:
        raise AssertionError(what)


def _random(scalars: Scalars, rng: np.random.Generator) -> Callable[[Sequence[int]], Array]:
    return lambda shape: scalars.random(rng, shape)


def _canonical(network: Network, scalars: Residues, values: Array) -> NDArray[np.uint64]:
    whole = (values == np.rint(values)).all()
    _require(whole, f"{network}: entries mod {int(scalars.prime)} are not integers")
    return scalars.canonical(values)


def _equal(scalars: Scalars, a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(scalars.is_zero(scalars.reduce(a - b)).all())


def _sum(scalars: Scalars, values: Array) -> Array:
    """Sum over all axes but the batch, which comes first."""
    return scalars.reduce(values.reshape(len(values), -1).sum(axis=1))


def _reduced(values: Array, p: int) -> NDArray[np.uint64]:
    """Fractions mod p."""

    def reduce(value: Fraction) -> int:
        return value.numerator * pow(value.denominator, -1, p) % p

    return np.asarray(np.frompyfunc(reduce, 1, 1)(values)).astype(np.uint64)


def _assert_close(found: Array, expected: Array, what: str) -> None:
    scale = 1.0 + np.abs(expected).max(initial=0.0)
    worst = np.abs(found - expected).max(initial=0.0) / scale
    _require(worst < _TOLERANCE, f"{what} differ by {worst:.1e} of the largest")


def _newton_slope(scalars: Scalars, at: Callable[[NDArray[np.int64]], Array]) -> Array | None:
    """F′(0) = Σ_k (−1)^{k−1} Δ^k F(0) / k for polynomial F, from F(0), F(1), …; else None."""
    degree = 8
    while degree <= _DEGREE_LIMIT:
        difference = at(np.arange(degree + 3))
        slope = np.zeros_like(difference[:, :1])
        for k in range(1, degree + 2):  # two differences at least are left to be zero
            difference = scalars.reduce(difference[:, 1:] - difference[:, :-1])
            if not difference.any():
                return slope
            factor = np.asarray(scalars.fraction((-1) ** (k - 1), k))
            slope = scalars.reduce(slope + scalars.mul(difference[:, :1], factor))
        degree *= 3
    return None


# the rationals, exact and slow


class _NotRational(Exception):
    """A function was met that has no rational values."""


class _Rationals(Reals):
    """Python integers and fractions in object arrays."""

    dtype = np.dtype(object)
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


class _RationalRing(FormalRing):
    """Jets over the rationals, without elementary functions."""

    def __init__(self) -> None:
        super().__init__(_Rationals())

    def function(self, name: str, z: Array) -> Array:
        raise _NotRational

    def constant(self, name: str) -> float | int | Array:
        raise _NotRational
