"""Averages of moments over a group, exactly: what data of a symmetric class can have (theory §5).

Two roads to the span of averaged Σ ΦΦᵀ and Σ yΦᵀ. Along the generators: the invariant forms, and
which of them data reach; the order of the group does not matter and may be infinite. Along the
elements: orbit sums of random data until they span no more; for the small groups of which large
lifts have many invariants, most of them out of reach of data. Every generator is checked on every
average in the end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from conserved.errors import ConservedError, InputError, LimitError
from conserved.kernel.deadline import check_time
from conserved.kernel.functions import FormalRing
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace, inverse_matrix
from conserved.kernel.scalars import Array
from conserved.networks import Network
from conserved.networks.linear_form import Lift
from conserved.problem import Problem
from conserved.symmetry import act_on_inputs, enumerate_group
from conserved.symmetry.invariants import (
    Action,
    check_invariance,
    invariant_forms,
    with_quarter_turns,
)

SPAN_LIMIT = 10**8  # entries of all averages together; 0.8 GB
_CANDIDATES = 4 * 10**6  # entries of candidates up to which generators are the cheaper road
_STABLE_AFTER = 8  # data in a row that raise nothing before their averages count as spanned
_FIRST = 24
_CHUNK = 2**24  # entries of moments formed at once


@dataclass(frozen=True, eq=False)
class MomentSpace:
    """The averaged moments that data of the class can have.

    Args:
        lift: the network as A(θ) Φ(x).
        inputs, outputs: how the group acts on T and on Y.
        quadratic: basis (k, τ, τ) of the span of averaged Σ ΦΦᵀ.
        mixed: basis (l, m, τ) of the span of averaged Σ yΦᵀ.
    """

    lift: Lift
    inputs: Action
    outputs: Action
    quadratic: Array
    mixed: Array


# the count, the reasons and the report of one problem share its averages; by identity, since two
# networks of one spec need not compute the same
_RECENT: deque[tuple[Problem, Residues, MomentSpace]] = deque(maxlen=4)


def moment_space(problem: Problem, scalars: Residues) -> MomentSpace:
    """Average the moments of a problem exactly.

    Raises:
        LimitError: the averages do not fit in memory.
        ConservedError: the network has no lift.
    """
    for known, over, space in _RECENT:
        if known is problem and over == scalars:
            return space
    space = _averaged(problem, scalars)
    _RECENT.append((problem, scalars, space))
    return space


def _averaged(problem: Problem, scalars: Residues) -> MomentSpace:
    rng = np.random.default_rng(0)  # any data in general position span the same moments
    lift = problem.network.lift()
    if lift is None:
        raise ConservedError(f"network '{problem.network.spec}' has no lift")
    group, labels = problem.group, problem.labels
    features, outputs = with_quarter_turns(
        scalars,
        Action(group.generators(scalars), group.infinitesimal(scalars)),
        Action(
            labels.matrices(group, scalars, lift.outputs),
            labels.infinitesimal(group, scalars, lift.outputs),
        ),
    )
    check_time()
    inputs = Action(
        lift.representation(scalars, features.group),
        lift.derivative(scalars, features.algebra),
    )
    check_time()
    check_lift(scalars, problem.network, lift, features.group, inputs.group, rng)
    if _few_elements(problem, lift):
        quadratic, mixed = along_elements(problem, scalars, lift, rng)
    else:
        quadratic, mixed = along_generators(scalars, lift, inputs, outputs, rng)
    check_invariance(scalars, inputs, inputs, quadratic)
    check_invariance(scalars, outputs, inputs, mixed)
    return MomentSpace(lift, inputs, outputs, quadratic, mixed)


def _few_elements(problem: Problem, lift: Lift) -> bool:
    """Whether orbit sums are the cheaper road: a small group with very many invariants."""
    group, tau = problem.group, lift.dimension
    if not group.finite or group.order > tau or group.order * group.dimension**2 > _CHUNK:
        return False
    return tau**4 > 2 * group.order * _CANDIDATES


def along_generators(
    scalars: Residues, lift: Lift, inputs: Action, outputs: Action, rng: np.random.Generator
) -> tuple[Array, Array]:
    """(quadratic, mixed): invariant forms, as far as data reach them."""
    metric = scalars.from_integers(lift.metric.astype(object))
    ones = np.ones(lift.outputs, dtype=scalars.dtype)

    def square(count: int) -> Array:
        phi = scalars.mul(_features(scalars, rng, lift, count), metric)
        return scalars.matmul(phi.swapaxes(-1, -2), phi)

    def product(count: int) -> Array:
        phi = scalars.mul(_features(scalars, rng, lift, count), metric)
        y = scalars.random(rng, (count, lift.rows, lift.outputs))
        return scalars.matmul(y.swapaxes(-1, -2), phi)

    quadratic = invariant_forms(scalars, inputs, inputs, symmetric=True)
    quadratic = _reached(scalars, quadratic, metric, metric, square)
    mixed = invariant_forms(scalars, outputs, inputs)
    return quadratic, _reached(scalars, mixed, ones, metric, product)


def along_elements(
    problem: Problem, scalars: Residues, lift: Lift, rng: np.random.Generator
) -> tuple[Array, Array]:
    """(quadratic, mixed): sums over the orbits of random data, as many as are independent.

    Which are is read off their values uᵀMv at random u and v, a few more than there are data.
    """
    elements = enumerate_group(problem.group, scalars)
    tau, m = lift.dimension, lift.outputs

    def orbit(x: Array) -> Array:
        """Φ along the orbits: (count, order · rows, τ)."""
        moved = act_on_inputs(elements, x, scalars).reshape(-1, *lift.input_shape)
        return lift.features(scalars, moved).reshape(len(x), -1, tau)

    def squares(data: tuple[Array, ...]) -> tuple[Array, Array]:
        phi = orbit(data[0])
        return phi, phi

    def products(data: tuple[Array, ...]) -> tuple[Array, Array]:
        y = problem.labels.act(elements, data[1], scalars)
        return y.reshape(len(y), -1, m), orbit(data[0])

    def draw(count: int) -> tuple[Array, ...]:
        shapes = (lift.input_shape, lift.program.shape)
        return tuple(scalars.random(rng, (count, *shape)) for shape in shapes)

    rows = len(elements.signs) * lift.rows
    return (
        _orbit_sums(scalars, (tau, tau), rows, draw, squares, rng),
        _orbit_sums(scalars, (m, tau), rows, draw, products, rng),
    )


Data = tuple[Array, ...]


def _orbit_sums(
    scalars: Residues,
    shape: tuple[int, int],
    rows: int,
    draw: Callable[[int], Data],
    factors: Callable[[Data], tuple[Array, Array]],
    rng: np.random.Generator,
) -> Array:
    """A basis (k, *shape) of the span of moments LᵀR.

    Args:
        scalars: residues.
        shape: of one moment.
        rows: of L and R for one datum.
        draw: so many random data.
        factors: (L, R) of data, (count, rows, shape[0]) and (count, rows, shape[1]).
        rng: draws the values that are compared.
    """
    step = max(_STABLE_AFTER, _CHUNK // (rows * max(shape)))
    most = SPAN_LIMIT // (shape[0] * shape[1])
    size = _FIRST
    while True:
        vectors = [scalars.random(rng, (width, size + _STABLE_AFTER)) for width in shape]
        data = draw(size)
        parts = [tuple(a[i : i + step] for a in data) for i in range(0, size, step)]
        space, raised = RowSpace(scalars, size + _STABLE_AFTER), []
        for part in parts:
            check_time()
            raised.append(space.add(_values(scalars, *factors(part), *vectors)))
        if not np.concatenate(raised)[-_STABLE_AFTER:].any():
            break
        if space.rank > most:
            raise LimitError(
                f"more than {most:,} averaged moments of {shape[0]}×{shape[1]} entries exceed "
                f"the limit of {8 * SPAN_LIMIT / 10**9:.1f} GB"
            )
        size *= 2
    basis = np.zeros((space.rank, *shape), dtype=scalars.dtype)
    done = 0
    for part, chosen in zip(parts, raised, strict=True):
        if not chosen.any():
            continue
        check_time()
        left, right = factors(tuple(array[chosen] for array in part))
        stop = done + int(chosen.sum())
        basis[done:stop] = scalars.matmul(left.swapaxes(-1, -2), right)
        done = stop
    return basis


def _values(scalars: Residues, left: Array, right: Array, u: Array, v: Array) -> Array:
    """uᵀ LᵀR v for each datum and pair of vectors; uᵀ LᵀL u where L and R are the same."""
    first = scalars.matmul(left, u)
    second = first if right is left else scalars.matmul(right, v)
    return scalars.reduce(scalars.mul(first, second).sum(axis=1))


def _features(scalars: Residues, rng: np.random.Generator, lift: Lift, count: int) -> Array:
    """Φ at random inputs, (count, rows, τ)."""
    return lift.features(scalars, scalars.random(rng, (count, *lift.input_shape)))


def _reached(
    scalars: Residues,
    forms: Array,
    left_metric: Array,
    right_metric: Array,
    moments: Callable[[int], Array],
) -> Array:
    """The span of the averages of actual data: project each datum on the invariants, exactly.

    Args:
        scalars: residues.
        forms: (k, a, b) a basis of the invariants.
        left_metric, right_metric: of rows and columns.
        moments: moments of so many random data, times both metrics.
    """
    count = len(forms)
    if not count:
        return forms
    weighted = scalars.mul(scalars.mul(forms, left_metric[:, None]), right_metric)
    flat = forms.reshape(count, -1)
    gram = scalars.matmul(flat, weighted.reshape(count, -1).T)
    back = scalars.matmul(flat.T, inverse_matrix(scalars, gram))

    def coefficients(size: int) -> Array:
        return scalars.matmul(moments(size).reshape(size, -1), back)

    space, size = RowSpace(scalars, count), _FIRST
    most = max(_STABLE_AFTER, _CHUNK // flat.shape[1])
    while space.rank < count:
        check_time()
        raised = space.add(coefficients(min(size, most)))
        if not raised[-_STABLE_AFTER:].any():
            break
        size *= 2
    if space.rank == count:
        return forms
    return scalars.matmul(space.basis, flat).reshape(-1, *forms.shape[1:])


def check_lift(
    scalars: Residues,
    network: Network,
    lift: Lift,
    group: Array,
    represented: Array,
    rng: np.random.Generator,
) -> None:
    """Refuse a lift that is not one: A(θ) Φ(x) = f(θ, x) and Φ(gx) = ρ(g) Φ(x), at random points.

    Raises:
        InputError: naming the network and which of the two fails.
    """
    count = 4
    theta = scalars.random(rng, (1, count, network.size))
    x = scalars.random(rng, (count, *network.input_shape))
    y = scalars.random(rng, (count, lift.rows, lift.outputs))
    phi = lift.features(scalars, x)
    pull = lift.change_basis_mixed(scalars, scalars.matmul(y.swapaxes(-1, -2), phi))
    ring = FormalRing(scalars)
    lifted = lift.outputs_at(ring, theta).output
    direct = network.run(ring, theta, x[:, None]).output
    one = scalars.mul(lifted.reshape(count, -1), pull.reshape(count, -1)).sum(axis=1)
    other = scalars.mul(direct.reshape(count, -1), y.reshape(count, -1)).sum(axis=1)
    if scalars.reduce(one - other).any():
        advice = "its lift is wrong: A(θ) Φ(x) is not f(θ, x); check the degree it declares"
        raise InputError("network", network.spec, advice)
    for g, rho in zip(group, represented, strict=True):
        moved = lift.features(scalars, scalars.matmul(x, g.T))
        if scalars.reduce(moved - scalars.matmul(phi, rho.T)).any():
            advice = "its lift is wrong: Φ(gx) is not ρ(g) Φ(x)"
            raise InputError("network", network.spec, advice)
