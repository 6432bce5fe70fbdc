"""Every operation of programs: ⟨v, J u⟩ = ⟨Jᵀ v, u⟩ over GF(p), float differences, NumPy."""

from fractions import Fraction

import numpy as np
import pytest

from conserved.kernel.choices import pieces
from conserved.kernel.evaluate import Run, given
from conserved.kernel.functions import ELEMENTARY, FormalRing
from conserved.kernel.jets import join
from conserved.kernel.operations import OPERATIONS as RULES
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.program import Program
from conserved.kernel.real import Reals
from conserved.kernel.residues import FloatResidues, IntResidues
from conserved.kernel.shapes import SHAPES
from conserved.networks.tracing import concatenate, trace

BATCH, DATA = 3, 2
PRIME = prime_with_roots(8)
RINGS = [FloatResidues(PRIME), IntResidues(PRIME)]
MASK = np.tril(np.ones((3, 3), dtype=np.int64))

# operation, shape of a parameter (the same for all data), shape of one that each datum scales
OPERATIONS = {
    "add": (lambda w, x: w + x, (3,), (3,)),
    "add broadcasts": (lambda w, x: w + x, (3, 1), (2, 1, 4)),
    "add a number": (lambda w, x: w + x, (), (2, 3)),
    "sub": (lambda w, x: w - x, (2, 3), (3,)),
    "neg": (lambda w, x: -(w + x), (3,), (3,)),
    "mul": (lambda w, x: w * x, (3,), (3,)),
    "mul broadcasts": (lambda w, x: w * x, (2, 1), (3, 1, 4)),
    "mul by itself": (lambda w, x: (w + x) * (w + x), (3,), (3,)),
    "truediv": (lambda w, x: w / x, (3,), (3,)),
    "truediv broadcasts": (lambda w, x: x / w, (1,), (2, 3)),
    "pow 1": (lambda w, x: (w + x) ** 1, (3,), (3,)),
    "pow 2": (lambda w, x: (w + x) ** 2, (3,), (3,)),
    "pow 3": (lambda w, x: (w * x) ** 3, (3,), (3,)),
    "pow 6": (lambda w, x: (w + x) ** 6, (3,), (3,)),
    "scale": (lambda w, x: (w * x).scale(Fraction(-2, 3)), (3,), (3,)),
    "reciprocal": (lambda w, x: (w + x).reciprocal(), (3,), (3,)),
    "sqrt": (lambda w, x: ((w * x) ** 2).sqrt(), (3,), (3,)),
    "rsqrt": (lambda w, x: ((w * x) ** 2).rsqrt(), (3,), (3,)),
    **{name: (lambda w, x, name=name: (w * x).function(name), (3,), (3,)) for name in ELEMENTARY},
    "relu": (lambda w, x: (w * x).relu(), (4,), (4,)),
    "softmax": (lambda w, x: (w + x).softmax(), (3,), (2, 3)),
    "softmax, masked": (lambda w, x: (w + x).softmax(MASK), (3,), (3, 3)),
    "vector @ parameter": (lambda w, x: x @ w, (3, 2), (3,)),
    "vector @ parameter.T": (lambda w, x: x @ w.T, (2, 3), (3,)),
    "tokens @ parameter": (lambda w, x: x @ w, (3, 2), (4, 3)),
    "heads @ parameter": (lambda w, x: x @ w, (3, 2), (2, 4, 3)),
    "width 1 @ parameter": (lambda w, x: x @ w, (1, 3), (2, 1)),
    "tokens @ width 1": (lambda w, x: x @ w, (3, 1), (4, 3)),
    "parameter @ parameter.T": (lambda w, x: (w @ w.T) + x, (2, 3), (2, 2)),
    "parameter @ tokens": (lambda w, x: w @ x, (2, 3), (3, 4)),
    "tokens @ tokens.T": (lambda w, x: (w * x) @ x.T, (3,), (2, 3)),
    "outer product": (lambda w, x: (w * x) @ x.T, (1,), (3, 1)),
    "heads @ heads": (lambda w, x: (w * x) @ x.transpose(0, 2, 1), (2, 1, 1), (2, 3, 4)),
    "row @ its own matrix": (lambda w, x: w @ (x @ x.T), (1, 3), (3, 3)),
    "T": (lambda w, x: w * x.T, (4, 3), (3, 4)),
    "transpose": (lambda w, x: w * x.transpose(2, 0, 1), (4, 2, 3), (2, 3, 4)),
    "reshape": (lambda w, x: w * x.reshape(3, 4), (3, 4), (2, 6)),
    "reshape to heads": (lambda w, x: (x @ w).reshape(2, 2, 2).transpose(1, 0, 2), (3, 4), (2, 3)),
    "sum, last axis": (lambda w, x: (w * x).sum(-1), (3,), (2, 3)),
    "sum, first axis": (lambda w, x: (w * x).sum(0), (3,), (2, 3)),
    "sum of two": (lambda w, x: (w * x).sum(1).sum(0), (3,), (2, 3)),
    "mean": (lambda w, x: (w * x).mean(0), (3,), (2, 3)),
    "abs": (lambda w, x: (w * x).abs(), (4,), (4,)),
    "maximum": (lambda w, x: w.maximum(x), (4,), (4,)),
    "max": (lambda w, x: (w * x).max(0), (4,), (3, 4)),
    "sort": (lambda w, x: (w * x).sort(), (4,), (2, 4)),
    "constant": (lambda w, x: w * x + w.recording.constant([1, Fraction(2, 3), -5]), (3,), (3,)),
    "root of two": (lambda w, x: (w * x).scale("sqrt(2)/2"), (3,), (3,)),
    "named constant": (lambda w, x: (w * x).scale("2/√π"), (3,), (3,)),
    "slice": (lambda w, x: w * x[1:4:2, 0], (2,), (4, 3)),
    "unpacked": (lambda w, x: (lambda a, b: a * b * w)(*x), (3,), (2, 3)),
    "gather": (lambda w, x: w * x.take([2, 0, 2], axis=1), (3,), (2, 3)),
    "concat": (lambda w, x: concatenate([w, x, w * x], axis=0), (2, 3), (2, 3)),
    "broadcast": (lambda w, x: x.broadcast_to(2, 3) * w, (2, 3), (1, 3)),
    "inverse": (lambda w, x: w.recording.add("inverse", (w * x,)), (2, 2), (2, 2)),
    "inverses": (lambda w, x: w.recording.add("inverse", (w * x,)), (3, 3), (2, 3, 3)),
    "a value used twice": (lambda w, x: w * x + (w * x).T @ w, (3, 3), (3, 3)),
}
operations = pytest.mark.parametrize("name", OPERATIONS)


def program_of(name):
    """The operation on w and u·x: parameters w and x, and a number u for each datum."""
    operation, w, x = OPERATIONS[name]
    return trace(
        (("w", w), ("x", x)), (("u", ()),), lambda p, d: operation(p["w"], p["x"] * d["u"])
    )


def run(program, ring, theta, u):
    """One evaluation, on one fixed choice of pieces."""
    if not program.choices or isinstance(ring.scalars, Reals):
        return Run(program, ring, theta, (u,))
    rng = np.random.default_rng(0)
    drawn = pieces(program).draw(RINGS[0], rng, (BATCH, DATA), bits=True)
    return Run(program, ring, theta, (u,), given(drawn))


def drawn(program, random, shared):
    """θ (1, batch, D), one for the whole batch if shared, and u (batch, data)."""
    theta = random((1, 1 if shared else BATCH, program.size))
    return np.broadcast_to(theta, (1, BATCH, program.size)), random((BATCH, DATA))


def paired(scalars, a, b):
    """⟨a, b⟩ per field of the batch."""
    return scalars.reduce(scalars.mul(a, b).reshape(BATCH, -1).sum(axis=1))


def test_every_operation_has_a_case():
    met = {node.op for name in OPERATIONS for node in program_of(name).nodes}
    assert met == set(SHAPES)
    assert set(RULES) | {"parameter", "input", "gate", "argmax", "order"} == set(SHAPES)


@operations
def test_programs_are_json(name):
    program = program_of(name)
    again = Program.from_json(program.to_json())
    assert again == program
    assert hash(again) == hash(program)


@operations
@pytest.mark.parametrize("shared", [False, True], ids=["each its own", "one parameter"])
@pytest.mark.parametrize("scalars", RINGS, ids=str)
def test_pullback_is_the_adjoint_of_the_derivative(scalars, shared, name):
    rng = np.random.default_rng(1)
    ring, program = FormalRing(scalars, salt=9), program_of(name)
    for _ in range(60):  # until the square roots exist
        theta, u = drawn(program, lambda shape: scalars.random(rng, shape), shared)
        ring.invalid = None
        weights = scalars.random(rng, (1, BATCH, DATA, *program.shape))
        value = run(program, ring, theta, u)
        if ring.invalid is None:
            break
    along = scalars.random(rng, theta.shape)
    moved = run(program, ring, join(theta, along), u).output
    wide = np.broadcast_to(value.output, (1, BATCH, DATA, *program.shape))
    assert (scalars.reduce(moved[:1] - wide) == 0).all()
    forward = paired(scalars, weights[0], np.broadcast_to(moved[1], weights[0].shape))
    backward = paired(scalars, value.gradient(weights)[0], along[0])
    assert forward.any()
    assert (scalars.canonical(forward) == scalars.canonical(backward)).all()


@operations
def test_gradients_of_jets_are_the_jets_of_gradients(name):
    """Symmetric second derivatives: ⟨D(Jᵀv)·a, b⟩ = ⟨D(Jᵀv)·b, a⟩."""
    scalars, rng = RINGS[0], np.random.default_rng(2)
    ring, program = FormalRing(scalars, salt=9), program_of(name)
    theta, u = drawn(program, lambda shape: scalars.random(rng, shape), shared=False)
    directions = [scalars.random(rng, theta.shape) for _ in range(2)]
    weights = scalars.random(rng, (1, BATCH, DATA, *program.shape))
    values = []
    for i in range(2):
        pulled = run(program, ring, join(theta, directions[i]), u).gradient(weights)
        slope = pulled[1] if len(pulled) > 1 else np.zeros_like(pulled[0])
        values.append(paired(scalars, slope, directions[1 - i][0]))
    assert (scalars.canonical(values[0]) == scalars.canonical(values[1])).all()


@operations
def test_gradients_against_float_differences(name):
    rng = np.random.default_rng(3)
    ring, program = FormalRing(Reals()), program_of(name)
    theta, u = drawn(program, lambda shape: rng.uniform(0.5, 1.5, size=shape), shared=False)
    weights = rng.standard_normal((1, BATCH, DATA, *program.shape))
    along = rng.standard_normal(theta.shape)

    def potential(t):
        return (weights * run(program, ring, theta + t * along, u).output).sum()

    slope = (run(program, ring, theta, u).gradient(weights) * along).sum()
    h = 1e-3
    wide, narrow = ((potential(s) - potential(-s)) / (2 * s) for s in (h, h / 2))
    assert slope == pytest.approx((4 * narrow - wide) / 3, rel=1e-7, abs=1e-7)


class TestValues:
    """Forward values against NumPy."""

    rng = np.random.default_rng(4)

    def run(self, operation, *values):
        named = [(f"v{i}", v.shape) for i, v in enumerate(values)]
        program = trace((), tuple(named), lambda p, d: operation(*d.values()))
        inputs = [v[None, None] for v in values]
        return Run(program, FormalRing(Reals()), np.zeros((1, 1, 0)), inputs).output[0, 0, 0]

    def test_matrix_products(self):
        a, b, c = (self.rng.standard_normal(s) for s in ((2, 3), (3, 4), (5, 4, 2)))
        np.testing.assert_allclose(self.run(lambda x, y: x @ y, a, b), a @ b)
        np.testing.assert_allclose(self.run(lambda x, y: x @ y, a[0], b), a[0] @ b)
        np.testing.assert_allclose(self.run(lambda x, y: x @ y, c, a), c @ a)

    def test_softmax(self):
        z = self.rng.standard_normal((3, 3))
        weights = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
        np.testing.assert_allclose(self.run(lambda x: x.softmax(), z), weights)
        masked = np.exp(z) * MASK
        np.testing.assert_allclose(
            self.run(lambda x: x.softmax(MASK), z), masked / masked.sum(-1, keepdims=True)
        )

    def test_pieces(self):
        z = np.array([[-1.0, 0.0, 2.0], [5.0, 4.0, -3.0]])
        np.testing.assert_allclose(self.run(lambda x: x.relu(), z), np.maximum(z, 0))
        np.testing.assert_allclose(self.run(lambda x: x.abs(), z), abs(z))
        np.testing.assert_allclose(self.run(lambda x: x.sort(), z), np.sort(z))
        np.testing.assert_allclose(self.run(lambda x: x.max(0), z), z.max(0))
        np.testing.assert_allclose(self.run(lambda x: x.max(), z), z.max(-1))
        np.testing.assert_allclose(self.run(lambda x: x[0].maximum(x[1]), z), z.max(0))

    def test_shapes(self):
        z = self.rng.standard_normal((4, 3))
        np.testing.assert_allclose(self.run(lambda x: x[1:4:2, 0], z), z[1:4:2, 0])
        np.testing.assert_allclose(self.run(lambda x: x[..., -1], z), z[..., -1])
        np.testing.assert_allclose(self.run(lambda x: x.take([2, 0], 1), z), z[:, [2, 0]])
        joined = np.concatenate([z, z[:1]], axis=0)
        np.testing.assert_allclose(self.run(lambda x: concatenate([x, x[:1]], 0), z), joined)
        inverse = self.run(lambda x: x.recording.add("inverse", (x,)), z[:3])
        np.testing.assert_allclose(inverse, np.linalg.inv(z[:3]))

    def test_roots(self):
        z = np.array([1.0, 4.0, 9.0])
        np.testing.assert_allclose(self.run(lambda x: x.rsqrt(), z), 1 / np.sqrt(z))
