"""The pullback of every operation: ⟨v, J u⟩ = ⟨Jᵀ v, u⟩ over GF(p), and float differences."""

import numpy as np
import pytest

from conserved.arithmetic.tape import Tape, replay
from conserved.kernel.functions import ELEMENTARY, FormalRing
from conserved.kernel.jets import join
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.real import Reals
from conserved.kernel.residues import FloatResidues, IntResidues

BATCH, DATA = 3, 2
PRIME = BLAS_PRIMES[0]
RINGS = [FloatResidues(PRIME), IntResidues(PRIME)]
MASK = np.tril(np.ones((3, 3)))


def fractions(z, numerator, denominator):
    return z.tape.ring.scalars.fraction(numerator, denominator)


def masked_softmax(z):
    return z.softmax(MASK.astype(z.value.dtype)[None, None, None])


# operation, shape of a parameter (datum axis 1), shape of a variable with its own value per datum
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
    "scale": (lambda w, x: (w * x).scale(fractions(x, -2, 3)), (3,), (3,)),
    "reciprocal": (lambda w, x: (w + x).reciprocal(), (3,), (3,)),
    "sqrt": (lambda w, x: ((w * x) ** 2).sqrt(), (3,), (3,)),
    "rsqrt": (lambda w, x: ((w * x) ** 2).rsqrt(), (3,), (3,)),
    **{name: (lambda w, x, name=name: (w * x).function(name), (3,), (3,)) for name in ELEMENTARY},
    "relu": (lambda w, x: (w * x).relu(), (4,), (4,)),
    "softmax": (lambda w, x: (w + x).softmax(), (3,), (2, 3)),
    "softmax, masked": (lambda w, x: masked_softmax(w + x), (3,), (3, 3)),
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
    "a value used twice": (lambda w, x: w * x + (w * x).T @ w, (3, 3), (3, 3)),
}
operations = pytest.mark.parametrize("name", OPERATIONS)


def evaluate(ring, name, w, x, weights=None):
    """(output, (Jᵀv for w, Jᵀv for x)), v = weights; relu on a fixed pattern."""
    operation, _, _ = OPERATIONS[name]
    pattern = np.random.default_rng(0).integers(0, 2, size=(BATCH, DATA, 4))
    tape = Tape(ring, lambda z: pattern[None].astype(z.dtype))
    variables = tape.variable(w), tape.variable(x)
    output = operation(*variables)
    if weights is None:
        return output.value
    return output.value, tape.gradients(output, weights, variables)


def drawn(name, random, shared):
    """w (1, batch, 1, …), x (1, batch, data, …); one w for the whole batch if shared."""
    _, parameter, variable = OPERATIONS[name]
    w = random((1, 1 if shared else BATCH, 1, *parameter))
    return np.broadcast_to(w, (1, BATCH, *w.shape[2:])), random((1, BATCH, DATA, *variable))


def paired(scalars, *pairs):
    """Σ ⟨a, b⟩ per field of the batch."""
    total = np.zeros(BATCH, dtype=scalars.dtype)
    for a, b in pairs:
        product = scalars.mul(a, b)
        wide = np.broadcast_to(product, (BATCH, *product.shape[1:])).reshape(BATCH, -1)
        total = scalars.reduce(total + scalars.reduce(wide.sum(axis=1)))
    return total


@operations
@pytest.mark.parametrize("shared", [False, True], ids=["w each", "one w"])
@pytest.mark.parametrize("scalars", RINGS, ids=str)
def test_pullback_is_the_adjoint_of_the_derivative(scalars, shared, name):
    rng = np.random.default_rng(1)
    ring = FormalRing(scalars, salt=9)
    w, x = drawn(name, lambda shape: scalars.random(rng, shape), shared)
    along = [scalars.random(rng, value.shape) for value in (w, x)]
    moved = evaluate(ring, name, *(join(v, a) for v, a in zip((w, x), along, strict=True)))
    weights = scalars.random(rng, moved[:1].shape)
    value, pulled = evaluate(ring, name, w, x, weights)
    assert (scalars.reduce(moved[:1] - value) == 0).all()
    forward = paired(scalars, (weights[0], moved[1]))
    backward = paired(scalars, *((g[0], a[0]) for g, a in zip(pulled, along, strict=True)))
    assert forward.any()
    assert (scalars.canonical(forward) == scalars.canonical(backward)).all()
    for gradient, variable in zip(pulled, (w, x), strict=True):
        assert gradient.shape == variable.shape
    assert ring.invalid is None


@operations
def test_gradients_of_jets_are_the_jets_of_gradients(name):
    """Symmetric second derivatives: ⟨D(Jᵀv)·a, b⟩ = ⟨D(Jᵀv)·b, a⟩."""
    scalars = RINGS[0]
    rng = np.random.default_rng(2)
    ring = FormalRing(scalars, salt=9)
    base = drawn(name, lambda shape: scalars.random(rng, shape), shared=False)
    directions = [[scalars.random(rng, v.shape) for v in base] for _ in range(2)]
    weights = scalars.random(rng, evaluate(ring, name, *base).shape)
    values = []
    for i in range(2):
        jets = [join(v, a) for v, a in zip(base, directions[i], strict=True)]
        _, pulled = evaluate(ring, name, *jets, weights)
        slopes = [g[1] if len(g) > 1 else np.zeros_like(g[0]) for g in pulled]
        other = directions[1 - i]
        values.append(paired(scalars, *((s, b[0]) for s, b in zip(slopes, other, strict=True))))
    assert (scalars.canonical(values[0]) == scalars.canonical(values[1])).all()


@operations
def test_gradients_against_float_differences(name):
    rng = np.random.default_rng(3)
    ring = FormalRing(Reals())
    w, x = drawn(name, lambda shape: rng.uniform(0.5, 1.5, size=shape), shared=False)
    weights = rng.standard_normal(evaluate(ring, name, w, x).shape)
    along = [rng.standard_normal(v.shape) for v in (w, x)]

    def potential(t):
        moved = evaluate(ring, name, w + t * along[0], x + t * along[1])
        return (weights * moved).sum()

    _, pulled = evaluate(ring, name, w, x, weights)
    slope = sum((g * a).sum() for g, a in zip(pulled, along, strict=True))
    h = 1e-3
    wide, narrow = ((potential(s) - potential(-s)) / (2 * s) for s in (h, h / 2))
    assert slope == pytest.approx((4 * narrow - wide) / 3, rel=1e-8, abs=1e-8)


class TestValues:
    """Forward values against NumPy."""

    rng = np.random.default_rng(4)

    def run(self, operation, *values):
        tape = Tape(FormalRing(Reals()))
        return operation(*(tape.constant(v[None, None, None]) for v in values)).value[0, 0, 0]

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
            self.run(masked_softmax, z), masked / masked.sum(-1, keepdims=True)
        )

    def test_relu_by_default_takes_the_sign(self):
        z = np.array([-1.0, 0.0, 2.0])
        assert self.run(lambda x: x.relu(), z).tolist() == [0.0, 0.0, 2.0]

    def test_roots(self):
        z = np.array([1.0, 4.0, 9.0])
        np.testing.assert_allclose(self.run(lambda x: x.rsqrt(), z), 1 / np.sqrt(z))


class TestTape:
    scalars = RINGS[0]

    def test_data_and_constants_take_no_part(self):
        tape = Tape(FormalRing(Reals()))
        x = tape.constant(np.ones((1, 1, 1, 2)))
        assert (x * x).parents is None
        assert tape.volume == 0

    def test_an_unused_variable_has_gradient_zero(self):
        tape = Tape(FormalRing(Reals()))
        used, unused = (tape.variable(np.ones((1, 2, 1, 3))) for _ in range(2))
        gradients = tape.gradients(used * used, np.ones((1, 2, 1, 3)), [unused, used])
        assert gradients[0].tolist() == [[[0.0]]]
        assert gradients[1].tolist() == np.full((1, 2, 1, 3), 2.0).tolist()

    def test_an_output_that_is_a_variable(self):
        tape = Tape(FormalRing(Reals()))
        w = tape.variable(np.ones((1, 2, 1, 3)))
        (gradient,) = tape.gradients(w, np.full((1, 2, 1, 3), 5.0), [w])
        assert (gradient == 5.0).all()

    def test_replays_patterns_in_order(self):
        gates = [np.array([[[1.0, 0.0]]]), np.array([[[0.0, 1.0]]])]
        tape = Tape(FormalRing(self.scalars), replay(gates))
        z = tape.constant(self.scalars.from_integers([[[[3, -4]]]]))
        assert [z.relu().value.tolist() for _ in gates] == [[[[[3.0, 0.0]]]], [[[[0.0, -4.0]]]]]

    @pytest.mark.parametrize("scalars", RINGS, ids=str)
    def test_division_by_zero_names_the_field(self, scalars):
        ring = FormalRing(scalars)
        tape = Tape(ring)
        z = tape.variable(scalars.from_integers([[[[1, 2]], [[0, 3]], [[4, 5]]]]))
        z.reciprocal()
        assert ring.invalid.tolist() == [False, True, False]

    @pytest.mark.parametrize("scalars", RINGS, ids=str)
    def test_a_root_of_a_non_square_names_the_field(self, scalars):
        p = int(scalars.prime)
        other = next(n for n in range(2, 100) if pow(n, (p - 1) // 2, p) == p - 1)
        ring = FormalRing(scalars)
        z = Tape(ring).variable(scalars.from_integers([[[[1, 4]], [[9, other]], [[16, 25]]]]))
        z.rsqrt()
        assert ring.invalid.tolist() == [False, True, False]

    @pytest.mark.parametrize("scalars", RINGS, ids=str)
    def test_the_root_of_zero_is_flagged_by_its_derivative(self, scalars):
        ring = FormalRing(scalars)
        Tape(ring).variable(scalars.from_integers([[[[0]], [[4]]]])).sqrt()
        assert ring.invalid.tolist() == [True, False]
