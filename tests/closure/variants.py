"""The same networks and groups in other coordinates: what must not change a count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from conserved.kernel.scalars import Array, Scalars
from conserved.networks import Network
from conserved.networks.feedforward import Feedforward
from conserved.networks.tracing import Var
from conserved.symmetry import Group


@dataclass(frozen=True)
class Fractions:
    """A rational matrix: integers over one denominator, in any scalars."""

    numerators: tuple[tuple[int, ...], ...]
    denominator: int = 1

    @property
    def T(self) -> Fractions:
        return Fractions(tuple(zip(*self.numerators, strict=True)), self.denominator)

    @property
    def exact(self) -> Array:
        """The matrix in Python's fractions."""
        rows = [[Fraction(n, self.denominator) for n in row] for row in self.numerators]
        return np.array(rows, dtype=object)

    def to(self, scalars: Scalars) -> Array:
        whole = scalars.from_integers(np.array(self.numerators))
        part = np.asarray(scalars.fraction(1, self.denominator), dtype=scalars.dtype)
        return scalars.mul(whole.astype(scalars.dtype), part)


def turned(n: int) -> Fractions:
    """An orthogonal matrix on R^n: [[3, −4], [4, 3]]/5 on coordinates 1 2, then 2 3, and so on."""
    matrix = np.eye(n, dtype=object)
    for i in range(n - 1):
        step = 5 * np.eye(n, dtype=object)
        step[i : i + 2, i : i + 2] = [[3, -4], [4, 3]]
        matrix = step @ matrix
    denominator = 5 ** (n - 1)
    assert (matrix @ matrix.T == denominator**2 * np.eye(n, dtype=object)).all()
    return Fractions(tuple(tuple(int(v) for v in row) for row in matrix), denominator)


class Wrapped(Network):
    """A network with the parameters and shapes of another, seen through other coordinates."""

    family = "wrapped"

    def __init__(self, inner: Network, how: str) -> None:
        self.inner = inner
        self._declare(
            f"{inner.spec} {how}", inner.parameters, inner.input_shape, inner.output_shape
        )


class ChangedBasis(Wrapped):
    """x ↦ f(θ, M x), M on the feature axis."""

    def __init__(self, inner: Network, matrix: Fractions) -> None:
        super().__init__(inner, f"after {matrix}")
        self.matrix = matrix

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        return self.inner.forward(parameters, x @ x.recording.constant(self.matrix.T.exact))


class Reordered(Wrapped):
    """A feedforward network that keeps the neurons of each layer in another order in θ.

    The rows of W_i (and b_i) are stored permuted; W_{i+1} is not, so f differs as a function of θ.
    """

    def __init__(self, inner: Feedforward, rng: np.random.Generator) -> None:
        self.orders = [np.eye(w, dtype=np.int64)[rng.permutation(w)] for w in inner.widths]
        super().__init__(inner, f"in the order {[o.argmax(1).tolist() for o in self.orders]}")

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        moved = {}
        for name, value in parameters.items():
            order = self.orders[int(name[1:])]
            matrix = x.recording.constant(order)
            moved[name] = value @ matrix if name[0] == "b" else (value.T @ matrix).T
        return self.inner.forward(moved, x)


@dataclass(frozen=True)
class Conjugated(Group):
    """Mᵀ G M for an orthogonal M: the same group after the change of basis x = Mᵀ x′."""

    dimension: int = field(init=False)
    base: Group
    matrix: Fractions

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", self.base.dimension)

    @property
    def name(self) -> str:
        return f"{self.base.name} in another basis"

    def generators(self, scalars: Scalars) -> Array:
        matrix = self.matrix.to(scalars)
        return scalars.matmul(scalars.matmul(matrix.T, self.base.generators(scalars)), matrix)

    @property
    def signs(self) -> tuple[int, ...]:
        return self.base.signs

    @property
    def order(self) -> int:
        return self.base.order

    @property
    def roots(self) -> int:
        return self.base.roots

    def describe(self) -> str:
        return f"{self.base.describe()}, in another basis"
