"""Fields and nested brackets by jets over GF(p) against SymPy polynomials over the integers."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
import sympy

from conserved.fields import Leaves, OrbitFields
from conserved.kernel import brackets
from conserved.kernel.brackets import Nested, concatenate, evaluate, mixed
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES
from conserved.kernel.residues import residues
from conserved.problem import Problem

PRIMES = [BLAS_PRIMES[0], INT64_PRIMES[0]]  # one for each layout
POINTS = 2


# the symbolic road


def matrix(entries):
    out = np.empty((len(entries), len(entries[0])), dtype=object)
    for i, j in product(*map(range, out.shape)):
        out[i, j] = entries[i][j]
    return out


def linear(t, x):
    """linear:2-2-1."""
    w1, w2 = matrix([t[0:2], t[2:4]]), matrix([t[4:6]])
    return (w2 @ w1 @ x.reshape(2, 1)).ravel()


def polynomial(t, x):
    """poly:2-1-1, power 2."""
    return [t[2] * (t[0] * x[0] + t[1] * x[1]) ** 2]


def lightning(t, x):
    """lightning:dim=2,tokens=2,head=1,out=1; outputs (tokens, 1)."""
    q, k, v = (matrix([[t[i]], [t[i + 1]]]) for i in (0, 2, 4))
    return (x @ q @ k.T @ x.T @ x @ v).ravel()


FORMULAS = {
    "linear:2-2-1": linear,
    "poly:2-1-1,power=2": polynomial,
    "lightning:dim=2,tokens=2,head=1,out=1": lightning,
}


@dataclass
class Setting:
    """A problem with integer data for ``count`` base fields, symbolically and mod p."""

    spec: str
    prime: int
    power: int = 0  # of the residual f − y in the pull; 0: the label itself is the pull
    count: int = 8

    def __post_init__(self):
        rng = np.random.default_rng(7)
        # symmetric data: permutation of two inputs, both points of the orbit in every field
        extra = {"loss": f"poly:{self.power + 1}", "symmetry": "permutation"} if self.power else {}
        problem = Problem.from_text(self.spec, **extra)
        self.size = problem.network.size
        self.x = rng.integers(-3, 4, size=(self.count, 1, *problem.network.input_shape))
        self.y = rng.integers(-3, 4, size=(self.count, 1, *problem.network.output_shape))
        if self.power:
            self.x = np.concatenate([self.x, self.x[..., ::-1]], axis=1)
            self.y = np.concatenate([self.y, self.y], axis=1)
        self.theta = rng.integers(-5, 6, size=(POINTS, self.size))
        self.weights = [rng.integers(-9, 10, size=self.count >> j) for j in (1, 2, 3)]
        self.ring, *self.symbols = sympy.ring(f"t:{self.size}", sympy.ZZ)
        self.fields = OrbitFields(problem, residues(self.prime), np.random.default_rng(0))
        self.scalars = self.fields.scalars

    # symbolic

    def gradient(self, i):
        """Base field i: Σ_data J(θ, x)ᵀ pull, as a list of polynomials in θ."""
        total = [self.ring.zero] * self.size
        for x, y in zip(
            self.x[i].astype(object), self.y[i].reshape(len(self.y[i]), -1), strict=True
        ):
            for output, label in zip(FORMULAS[self.spec](self.symbols, x), y.tolist(), strict=True):
                pull = (output - label) ** self.power if self.power else label
                total = [
                    s + pull * output.diff(t) for s, t in zip(total, self.symbols, strict=True)
                ]
        return total

    def symbolic(self, level):
        """The fields of this level: c·l + [l, r], l and r the two halves of the level below."""
        if level == 0:
            return [self.gradient(i) for i in range(self.count)]
        below = self.symbolic(level - 1)
        half = len(below) // 2
        return [
            [int(c) * a + b for a, b in zip(left, self.bracket(left, right), strict=True)]
            for c, left, right in zip(
                self.weights[level - 1], below[:half], below[half:], strict=True
            )
        ]

    def bracket(self, v, w):
        """[v, w] = Dw·v − Dv·w."""
        return [
            sum(
                (w[i].diff(t) * v[j] - v[i].diff(t) * w[j] for j, t in enumerate(self.symbols)),
                self.ring.zero,
            )
            for i in range(self.size)
        ]

    def at(self, fields):
        """Values (points, fields, D) mod p, in [0, p)."""
        return [
            [[int(f(*map(int, point))) % int(self.prime) for f in field] for field in fields]
            for point in self.theta
        ]

    # modular

    def nested(self, level):
        leaves = Leaves(
            (
                self.scalars.from_integers(self.x[:, 0]),
                self.scalars.from_integers(self.y[:, 0]),
                np.zeros(self.count, dtype=np.uint64),
            )
        )
        weights = tuple(map(self.scalars.from_integers, self.weights[:level]))
        return Nested(level, leaves, weights)

    def points(self):
        return [self.scalars.from_integers(point)[None, None] for point in self.theta]

    def canonical(self, values):
        return self.scalars.canonical(np.asarray(values)).tolist()


SETTINGS = [
    *(pytest.param(spec, 0, id=spec) for spec in FORMULAS),
    pytest.param("linear:2-2-1", 1, id="linear:2-2-1 permutation mse"),
    pytest.param("poly:2-1-1,power=2", 2, id="poly:2-1-1 permutation poly:3"),
]
settings = pytest.mark.parametrize("spec, power", SETTINGS)


def assert_levels_agree(setting, level):
    found = [
        evaluate(setting.fields, setting.nested(level), point)[0] for point in setting.points()
    ]
    assert setting.canonical(found) == setting.at(setting.symbolic(level))


@settings
@pytest.mark.parametrize("prime", PRIMES)
class TestAgainstSymPy:
    @pytest.mark.parametrize("level", [0, 1, 2])
    def test_nested_brackets(self, spec, power, prime, level):
        assert_levels_agree(Setting(spec, prime, power), level)

    def test_known_operands_change_nothing(self, spec, power, prime):
        setting = Setting(spec, prime, power)
        for point in setting.points():
            nested = setting.nested(2)
            operands = evaluate(setting.fields, nested.operands, point)
            given = evaluate(setting.fields, nested, point, operands)
            assert (given == evaluate(setting.fields, nested, point)).all()

    def test_one_point_for_each_field(self, spec, power, prime):
        setting = Setting(spec, prime, power, count=2 * POINTS)
        theta = np.concatenate(setting.points(), axis=1)
        found = evaluate(setting.fields, setting.nested(1), theta)[0]
        expected = setting.at(setting.symbolic(1))
        assert setting.canonical(found) == [expected[i][i] for i in range(POINTS)]

    def test_mixed_levels(self, spec, power, prime):
        """[w, u] with w a base field and u of level 1."""
        setting = Setting(spec, prime, power, count=2)
        first, second = setting.nested(0).take(np.array([1])), setting.nested(1)
        (u,), w = setting.symbolic(1), setting.gradient(1)
        found = []
        for point in setting.points():
            values = [evaluate(setting.fields, f, point)[0] for f in (first, second)]
            found.append(mixed(setting.fields, first, values[0], second, values[1], point))
        assert setting.canonical(found) == setting.at([setting.bracket(w, u)])


@settings
def test_a_wrong_sign_is_detected(spec, power, monkeypatch):
    right = brackets.directional

    def wrong(fields, nested, theta, along):
        return fields.scalars.reduce(-right(fields, nested, theta, along))

    monkeypatch.setattr(brackets, "directional", wrong)
    with pytest.raises(AssertionError):
        assert_levels_agree(Setting(spec, PRIMES[0], power), 1)


def test_a_missing_derivative_is_detected(monkeypatch):
    """Dw·v alone is no bracket."""
    right = brackets.directional

    def half(fields, nested, theta, along):
        slopes = right(fields, nested, theta, along)
        slopes[:, : len(nested) // 2] = 0
        return slopes

    monkeypatch.setattr(brackets, "directional", half)
    with pytest.raises(AssertionError):
        assert_levels_agree(Setting("linear:2-2-1", PRIMES[0]), 1)


# identities, also where there is no symbolic road

SPECS = [
    *("linear:3-2-2", "relu:2-3-2,bias", "poly:2-2-1,power=3", "mlp:2-2-1,act=tanh,bias"),
    *("mlp:2-2-2,act=silu", "mlp:2-2-1,act=softplus", "mlp:2-2-1,act=sin", "swiglu:2-2-1"),
    *("mlp:2-2-1,act=gelu", "mlp:2-2-1,act=gelu-tanh"),
    *("lightning:dim=2,tokens=2,head=1,out=1", "attention:dim=2,tokens=2,head=1,causal"),
]
DATA = [{}, {"symmetry": "negation"}, {"symmetry": "negation", "loss": "any"}]


@pytest.mark.parametrize("data", DATA, ids=lambda data: " ".join(data.values()) or "all data")
@pytest.mark.parametrize("spec", SPECS)
class TestIdentities:
    """Over GF(p) with formal values: what every bracket obeys, exactly."""

    def drawn(self, spec, data, count=3):
        problem = Problem.from_text(spec, **data)
        fields = OrbitFields(problem, residues(PRIMES[0]), np.random.default_rng(1))
        theta = fields.point()
        triple = [Nested(0, fields.draw(count, theta)[0]) for _ in range(3)]
        return fields, theta, triple

    def bracket(self, fields, first, second, theta):
        values = [evaluate(fields, f, theta)[0] for f in (first, second)]
        return mixed(fields, first, values[0], second, values[1], theta)

    def pure(self, fields, first, second):
        """[first, second] itself as a batch of level 1: c = 0."""
        leaves = Leaves.concatenate([first.leaves, second.leaves])
        return Nested(1, leaves, (fields.scalars.from_integers(np.zeros(len(first), int)),))

    def test_antisymmetry(self, spec, data):
        fields, theta, (u, v, _) = self.drawn(spec, data)
        forward = self.bracket(fields, u, v, theta)
        backward = self.bracket(fields, v, u, theta)
        assert forward.any()
        assert not fields.scalars.reduce(forward + backward).any()
        assert not self.bracket(fields, u, u, theta).any()
        assert (evaluate(fields, self.pure(fields, u, v), theta)[0] == forward).all()

    def test_jacobi(self, spec, data):
        """[u, [v, w]] + [v, [w, u]] + [w, [u, v]] = 0."""
        fields, theta, (u, v, w) = self.drawn(spec, data)
        terms = [
            self.bracket(fields, a, self.pure(fields, b, c), theta)
            for a, b, c in ((u, v, w), (v, w, u), (w, u, v))
        ]
        assert all(term.any() for term in terms)
        assert not fields.scalars.reduce(sum(terms)).any()

    def test_batches_are_taken_and_joined(self, spec, data):
        fields, theta, (u, v, w) = self.drawn(spec, data, count=4)
        leaves = Leaves.concatenate([u.leaves, v.leaves])
        weights = tuple(fields.scalars.random(fields.rng, (count,)) for count in (4, 2))
        first = Nested(2, leaves, weights)
        second = Nested(2, w.leaves, tuple(c[: len(c) // 2] for c in weights))
        values = [evaluate(fields, nested, theta)[0] for nested in (first, second)]
        both = concatenate(first, second)
        assert (len(first), len(second), len(both)) == (2, 1, 3)
        joined = evaluate(fields, both, theta)[0]
        assert (joined == np.concatenate(values)).all()
        index = np.array([2, 0, 0, 1])
        assert (evaluate(fields, both.take(index), theta)[0] == joined[index]).all()
