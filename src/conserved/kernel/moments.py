"""Fields from averaged moments, for groups that are not listed (theory §5).

Under squared error a network f = A(θ) Φ(x) sees its data through S = Σ ΦΦᵀ and C = Σ yΦᵀ alone, and
data of a symmetric class through their averages: invariant forms, as far as data reach them. All
of it is worked out from the generators and from Φ: ρ(g) is read off Φ(gx) = ρ(g) Φ(x), A(θ) off
f(θ, x) at τ fixed inputs, the invariants are what every generator fixes, and a datum's average is
the invariant with the same products with all invariants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.deadline import check_time
from conserved.kernel.errors import DegenerateSampleError, InputError, LimitError
from conserved.kernel.evaluate import Run
from conserved.kernel.fields import Fields, Leaves
from conserved.kernel.functions import FormalRing
from conserved.kernel.group import Lift, Symmetry, matrices, turning
from conserved.kernel.jets import join
from conserved.kernel.program import Program
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace, inverse_matrix
from conserved.kernel.scalars import Array

_ENTRIES = 10**8  # of all candidates for invariants
_SPARE = 16  # conditions, points and data more than unknowns
_PROBES = 4


class AveragedFields(Fields):
    """∇(½⟨A S, A⟩ − ⟨A, C⟩) for random averages S and C.

    Leaves hold coefficients (batch, k) of S and (batch, l) of C.

    Raises:
        InputError: Φ is not what the lift says, or there are not as many averages as it says.
    """

    route = "averaged moments"

    def __init__(
        self, program: Program, symmetry: Symmetry, scalars: Residues, rng: np.random.Generator
    ) -> None:
        super().__init__(program, scalars, rng)
        assert symmetry.lift is not None, "without a lift the group is listed"
        lifted = _Lifted(program, symmetry.lift, scalars, rng)
        quadratic, mixed = _averages(lifted, symmetry)
        if (len(quadratic), len(mixed)) != symmetry.lift.averages:
            stated = ", ".join(map(str, symmetry.lift.averages))
            advice = f"there are {len(quadratic)} and {len(mixed)} mod {scalars.prime}"
            raise InputError("symmetry.lift.averages", stated, advice)
        self._points, self._chosen = lifted.points, lifted.chosen
        back = lifted.back
        flipped = back.swapaxes(-1, -2)
        # of F = V Aᵀ, the outputs at the points, in place of Aᵀ
        self._quadratic = scalars.matmul(scalars.matmul(flipped, quadratic), back)
        self._mixed = scalars.matmul(flipped, mixed.swapaxes(-1, -2))
        self._rows = lifted.rows
        tau, self._width = len(back), program.shape[-1]
        self.sample_bytes = 8 * (
            5 * program.size + 3 * program.volume(len(self._points)) + 2 * tau**2
        )

    def draw_leaves(self, count: int) -> Leaves:
        parts = (len(self._quadratic), len(self._mixed))
        return Leaves(tuple(self.scalars.random(self.rng, (count, k)) for k in parts))

    def pull(self, leaves: Leaves, theta: Array) -> Array:
        scalars, ring = self.scalars, self.ring
        s, c = (
            scalars.matmul(weights, forms.reshape(len(forms), prod(forms.shape[1:]))).reshape(
                -1, *forms.shape[1:]
            )
            for weights, forms in zip(leaves.arrays, (self._quadratic, self._mixed), strict=True)
        )
        data = np.broadcast_to(self._points, (theta.shape[1], *self._points.shape))
        run = Run(self.program, ring, theta, (data,))
        shape = run.output.shape
        output = run.output.reshape(*shape[:2], -1, self._width)
        seed = np.zeros((shape[0], theta.shape[1], *output.shape[2:]), dtype=output.dtype)
        known = output[:, :, self._chosen]
        seed[:, :, self._chosen] = ring.sub(ring.matmul(s[None], known), c[None])
        return run.gradient(seed.reshape(shape[0], -1, *shape[2:]))


def count_averages(
    program: Program, symmetry: Symmetry, scalars: Residues, rng: np.random.Generator
) -> tuple[int, int]:
    """How many averaged ΦΦᵀ and yΦᵀ there are mod this prime."""
    assert symmetry.lift is not None, "without a lift the group is listed"
    quadratic, mixed = _averages(_Lifted(program, symmetry.lift, scalars, rng), symmetry)
    return len(quadratic), len(mixed)


class _Lifted:
    """A lift mod a prime: τ inputs at which Φ is known, and Φ(gx) in terms of them."""

    def __init__(
        self, program: Program, lift: Lift, scalars: Residues, rng: np.random.Generator
    ) -> None:
        self.program, self.lift, self.scalars, self.rng = program, lift, scalars, rng
        self.rows, self.tau = lift.features.shape
        ((_, self.shape),) = program.inputs
        self.width = program.shape[-1]
        self.metric = scalars.from_integers(np.array(lift.metric, dtype=object))
        self.points, self.chosen = self._spanning()
        self.back = inverse_matrix(scalars, self.flat(self.points)[self.chosen])
        self._require_linear()

    def _spanning(self) -> tuple[Array, NDArray[np.intp]]:
        """Inputs at which Φ spans T, and τ of their rows that are independent."""
        count = -(-self.tau // self.rows)
        points, space = self.inputs(0), RowSpace(self.scalars, self.tau)
        chosen = np.zeros(0, dtype=np.bool_)
        for _ in range(self.rows + 1):  # as many rounds as rows suffice, each input tells one
            more = self.inputs(count)
            chosen = np.concatenate([chosen, space.add(self.flat(more))])
            points = np.concatenate([points, more])
            if space.rank == self.tau:
                return points, np.flatnonzero(chosen)
        raise InputError("symmetry.lift", "features", "the entries of Φ are not independent")

    def inputs(self, count: int) -> Array:
        return self.scalars.random(self.rng, (count, *self.shape))

    def features(self, x: Array) -> Array:
        """Φ on jets: x (jet, count, *input) → (jet, count, rows, τ)."""
        return _evaluated(self.lift.features, FormalRing(self.scalars), x)

    def flat(self, x: Array) -> Array:
        """Φ at inputs (count, *input), all rows: (count · rows, τ)."""
        rows: Array = self.features(x[None])[0].reshape(-1, self.tau)
        return rows

    def _require_linear(self) -> None:
        """f(θ, x) = A(θ) Φ(x), at fresh θ and x."""
        scalars, fresh = self.scalars, self.inputs(_PROBES)
        theta = scalars.random(self.rng, (1, 1, self.program.size))
        data = np.concatenate([self.points, fresh])[None]
        output = Run(self.program, FormalRing(scalars), theta, (data,)).output
        rows = output.reshape(-1, self.width)
        told = scalars.matmul(self.back, rows[self.chosen])
        there = rows[len(self.points) * self.rows :]
        wrong = scalars.reduce(scalars.matmul(self.flat(fresh), told) - there)
        if wrong.any():
            raise InputError("symmetry.lift", "features", "f(θ, x) is not A(θ) Φ(x)")

    def represented(self, move: Callable[[Array], Array]) -> Array:
        """ρ with Φ(moved x) = ρ Φ(x), both on plain inputs or in the ε-part of jets."""
        scalars, fresh = self.scalars, self.inputs(_PROBES)
        rho = scalars.matmul(self.back, move(self.points)[self.chosen])
        if scalars.reduce(scalars.matmul(self.flat(fresh), rho) - move(fresh)).any():
            raise InputError("symmetry.lift", "features", "Φ(gx) is not ρ(g) Φ(x)")
        return rho.T

    def after(self, generator: Array, x: Array) -> Array:
        """Φ(gx)."""
        return self.flat(self.scalars.matmul(x, generator.T))

    def turned(self, generator: Array, x: Array) -> Array:
        """d/dt Φ(exp(tX) x)."""
        along = self.scalars.matmul(x, generator.T)
        jets = self.features(join(x[None], along[None]))
        rows: Array = jets[1].reshape(-1, self.tau)
        return rows


def _evaluated(program: Program, ring: FormalRing, x: Array) -> Array:
    """A program without parameters at inputs on jets (jet, count, *input)."""
    ((name, shape),) = program.inputs
    # as parameters, which may be jets: a datum is then a point of its own
    nodes = tuple(
        type(node)("parameter", (), node.data, node.shape) if node.op == "input" else node
        for node in program.nodes
    )
    held = Program(((name, shape),), (), nodes, program.output)
    run = Run(held, ring, x.reshape(*x.shape[:2], prod(shape)))
    if ring.invalid is not None:
        raise DegenerateSampleError("Φ has no value at this input")
    return run.output[:, :, 0]


def _averages(lifted: _Lifted, symmetry: Symmetry) -> tuple[Array, Array]:
    """Bases of the averages of ΦΦᵀ (k, τ, τ) and of yΦᵀ (l, m, τ) that data reach."""
    scalars = lifted.scalars
    n, m = lifted.shape[-1], lifted.width
    g, h = matrices(symmetry.generators, n, m, scalars)
    x, z = turning(symmetry.turns, n, m, scalars)
    rho = [lifted.represented(partial(lifted.after, a)) for a in g]
    drho = [lifted.represented(partial(lifted.turned, a)) for a in x]
    _require_isometries(lifted, rho, drho, h, z)
    right = _Action(scalars, rho, drho, lifted.tau)
    left = _Action(scalars, list(h), list(z), m)
    quadratic = _invariants(scalars, right, right, symmetric=True)
    mixed = _invariants(scalars, left, right)
    weights = lifted.metric

    def squares(count: int) -> Array:
        phi = scalars.mul(lifted.features(lifted.inputs(count)[None])[0], weights)
        return scalars.matmul(phi.swapaxes(-1, -2), phi)

    def products(count: int) -> Array:
        phi = scalars.mul(lifted.features(lifted.inputs(count)[None])[0], weights)
        y = scalars.random(lifted.rng, (count, lifted.rows, m))
        return scalars.matmul(y.swapaxes(-1, -2), phi)

    one = np.ones(m, dtype=scalars.dtype)
    return (
        _reached(scalars, quadratic, weights, weights, squares),
        _reached(scalars, mixed, one, weights, products),
    )


def _require_isometries(
    lifted: _Lifted, rho: Sequence[Array], drho: Sequence[Array], h: Array, z: Array
) -> None:
    """ρ keeps the metric and h the lengths of labels: averages are then orthogonal projections."""
    scalars, d = lifted.scalars, lifted.metric

    def kept(a: Array, metric: Array) -> Array:
        held = scalars.matmul(a.T, scalars.mul(metric[:, None], a))
        return scalars.reduce(held - np.diag(metric))

    def turned(a: Array, metric: Array) -> Array:
        half = scalars.mul(metric[:, None], a)
        return scalars.reduce(half + half.T)

    one = np.ones(lifted.width, dtype=scalars.dtype)
    faults = [kept(a, d) for a in rho] + [kept(a, one) for a in h]
    faults += [turned(a, d) for a in drho] + [turned(a, one) for a in z]
    if any(fault.any() for fault in faults):
        raise InputError("symmetry.lift", "metric", "a generator does not keep it")


class _Action:
    """Generators of a group and of its Lie algebra on a space."""

    def __init__(
        self, scalars: Residues, group: Sequence[Array], algebra: Sequence[Array], size: int
    ) -> None:
        self.group, self.algebra, self.size = group, algebra, size
        self.signed = [_signed_permutation(scalars, a) for a in group]


Signed = tuple[NDArray[np.intp], NDArray[np.bool_]]  # where e_j goes, and whether to its negative


def _signed_permutation(scalars: Residues, a: Array) -> Signed | None:
    canonical = scalars.canonical(a)
    filled = canonical != 0
    unit = (canonical == 1) | (canonical == np.uint64(int(scalars.prime) - 1))
    if not (filled.sum(0) == 1).all() or not (filled.sum(1) == 1).all() or (filled & ~unit).any():
        return None
    target = filled.argmax(axis=0)
    return target, canonical[target, np.arange(len(a))] != 1


def _invariants(
    scalars: Residues, left: _Action, right: _Action, *, symmetric: bool = False
) -> Array:
    """A basis (k, a, b) of the M with g M g′ᵀ = M and X M + M X′ᵀ = 0 for all generators."""
    pairs = list(zip(left.signed, right.signed, strict=True))
    forms = _orbit_sums(
        scalars, [(p, q) for p, q in pairs if p and q], (left.size, right.size), symmetric
    )
    for a, b, pair in zip(left.group, right.group, pairs, strict=True):
        if not all(pair):
            forms = _kept(scalars, forms, partial(_moved, scalars, a, b))
    for a, b in zip(left.algebra, right.algebra, strict=True):
        forms = _kept(scalars, forms, partial(_turned, scalars, a, b))
    return forms


def _moved(scalars: Residues, a: Array, b: Array, forms: Array) -> Array:
    """g M g′ᵀ − M."""
    return scalars.matmul(scalars.matmul(a, forms), b.T) - forms


def _turned(scalars: Residues, a: Array, b: Array, forms: Array) -> Array:
    """X M + M X′ᵀ."""
    return scalars.matmul(a, forms) + scalars.matmul(forms, b.T)


def _orbit_sums(
    scalars: Residues,
    moves: Sequence[tuple[Signed, Signed]],
    shape: tuple[int, int],
    symmetric: bool,
) -> Array:
    """Sums of matrix units over orbits of signed permutations: (orbits, a, b)."""
    size = prod(shape)
    cells = np.arange(size).reshape(shape)
    steps = []
    for (rows, flipped), (columns, turned) in moves:
        target = cells[np.ix_(rows, columns)].ravel()
        minus = np.logical_xor(flipped[:, None], turned).ravel()
        steps.append(np.concatenate([target + size * minus, target + size * ~minus]))
    if symmetric:
        steps.append(np.concatenate([cells.T.ravel(), cells.T.ravel() + size]))
    # a node is an entry with a sign; where both signs are in one orbit, its sum is 0
    label = _components(2 * size, steps)
    plus, other = label[:size], label[size:]
    alive = np.flatnonzero(plus != other)
    orbits, number = np.unique(np.minimum(plus, other)[alive], return_inverse=True)
    if len(orbits) * size > _ENTRIES:
        raise LimitError(f"symmetry: {len(orbits):,} candidates of {size:,} entries are too many")
    forms = np.zeros((len(orbits), size), dtype=np.int64)
    forms[number, alive] = np.where(plus < other, 1, -1)[alive]
    return scalars.from_integers(forms).reshape(-1, *shape)


def _components(size: int, steps: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
    """For each node the least one that permutations of the nodes lead to."""
    label = np.arange(size)
    both = []
    for step in steps:
        back = np.empty_like(label)
        back[step] = label
        both += [step, back]
    while True:
        before = label
        for to in both:
            label = np.minimum(label, label[to])
        label = label[label]
        if np.array_equal(label, before):
            return label


def _kept(scalars: Residues, forms: Array, defect: Callable[[Array], Array]) -> Array:
    """The combinations of forms with no defect."""
    count = len(forms)
    if not count:
        return forms
    check_time()
    wrong = scalars.reduce(defect(forms)).reshape(count, -1)
    rng = np.random.default_rng(count)  # any combinations: what is kept is tested in full
    if wrong.shape[1] > count + _SPARE:
        mixed = scalars.matmul(wrong, scalars.random(rng, (wrong.shape[1], count + _SPARE)))
    else:
        mixed = wrong
    space = RowSpace(scalars, count)
    space.add(mixed.T)
    chosen = space.annihilator().T
    if scalars.matmul(chosen, wrong).any():
        raise DegenerateSampleError("conditions on averages that were combined unluckily")
    return scalars.matmul(chosen, forms.reshape(count, -1)).reshape(-1, *forms.shape[1:])


def _reached(
    scalars: Residues,
    forms: Array,
    left: Array,
    right: Array,
    moments: Callable[[int], Array],
) -> Array:
    """The span of the averages of data: each is the invariant with the datum's products."""
    count = len(forms)
    if not count:
        return forms
    flat = forms.reshape(count, -1)
    weighted = scalars.mul(scalars.mul(forms, left[:, None]), right).reshape(count, -1)
    back = inverse_matrix(scalars, scalars.matmul(flat, weighted.T))
    space = RowSpace(scalars, count)
    step = max(_SPARE, _ENTRIES // (8 * flat.shape[1]))
    while space.rank < count:
        check_time()
        products = scalars.matmul(
            moments(min(step, count + _SPARE)).reshape(-1, flat.shape[1]), flat.T
        )
        raised = space.add(scalars.matmul(products, back))
        if not raised[-_SPARE:].any():
            break
    if space.rank == count:
        return forms
    return scalars.matmul(space.basis, flat).reshape(-1, *forms.shape[1:])
