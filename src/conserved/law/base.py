"""What a conservation law is to this program: a family of functions of θ, as data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, singledispatch
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from conserved import notation
from conserved.errors import DegenerateSampleError, InputError
from conserved.kernel.law import Origin
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array, Scalars
from conserved.law.layout import Layout
from conserved.notation import Formula

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["linear", "quadratic", "polynomial", "rational", "range"]


@dataclass(frozen=True, kw_only=True)
class Law(ABC):
    """A family h = (h_1, …, h_c) of first integrals that belong together.

    Law every law obeys: ``gradients`` is the derivative of ``values`` in every scalars, and both
    over GF(p) are those over the rationals reduced mod p.

    Attributes:
        layout: the parameters it speaks of.
        origin: what it is due to: the architecture, the symmetry of the data, or the data.
        independent: how many independent laws it adds to those listed before it.
    """

    layout: Layout
    origin: Origin = "architecture"
    independent: int = 0

    form: ClassVar[str]  # what tells leaves apart in JSON

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """What its functions are."""

    @cached_property
    def formula(self) -> Formula:
        """The law as a tree; how it looks is left to who writes it."""
        return formula(self)

    @property
    def text(self) -> str:
        """The law as on paper, in Unicode."""
        return notation.text(self.formula)

    @property
    def latex(self) -> str:
        """The law in LaTeX, without dollar signs."""
        return notation.latex(self.formula)

    @property
    def name(self) -> str:
        """A few words that name it; the formula where nothing better is known."""
        return name(self)

    @property
    def statement(self) -> str:
        """The law in words that its data alone give, none of them chosen by an author."""
        return statement(self)

    @property
    @abstractmethod
    def size(self) -> int:
        """c, the number of functions; ``independent`` may be smaller."""

    @abstractmethod
    def values(self, scalars: Scalars, theta: Array) -> Array:
        """h at θ (batch, D): (batch, c)."""

    @abstractmethod
    def gradients(self, scalars: Scalars, theta: Array) -> Array:
        """∇h at one θ (D,): (c, D)."""

    def derivative(self, scalars: Scalars, theta: Array, directions: Array) -> Array:
        """dh(w) = ⟨∇h, w⟩ at one θ (D,) for directions w (batch, D): (batch, c)."""
        return scalars.matmul(directions, self.gradients(scalars, theta).T)

    @abstractmethod
    def data(self) -> dict[str, Any]:
        """What defines it, as JSON: the part of ``to_json`` that ``law_from_json`` reads."""

    @property
    def roots(self) -> int:
        """k: its coefficients lie in Q(cos 2π/k, sin 2π/k); primes ≡ 1 mod 4k have them."""
        return 1

    def labels(self) -> tuple[str, ...]:
        """A short name for each function."""
        return labels(self)

    def value(self, theta: Array) -> NDArray[np.float64]:
        """h at a real θ (D,) or (batch, D): (c,) or (batch, c) in float64; nan where it has none.

        Raises:
            InputError: another shape.

        Example:
            >>> from conserved.law import GramLaw, GramTerm
            >>> layout = Layout((("W1", (1, 2)), ("W2", (2, 1))))
            >>> terms = GramTerm("W1", 0, 1), GramTerm("W2", 1, -1)
            >>> GramLaw(layout=layout, terms=terms).value(np.array([3.0, 4.0, 1.0, 2.0]))
            array([20.])
        """
        flat = self._checked(theta, (1, 2))
        return self.values(Reals(), np.atleast_2d(flat)).reshape(*flat.shape[:-1], self.size)

    def gradient(self, theta: Array) -> NDArray[np.float64]:
        """∇h at a real θ (D,): (c, D) in float64.

        Raises:
            InputError: another shape.
        """
        return self.gradients(Reals(), self._checked(theta, (1,)))

    def _checked(self, theta: Array, axes: tuple[int, ...]) -> NDArray[np.float64]:
        flat = np.asarray(theta, dtype=np.float64)
        if flat.ndim not in axes or flat.shape[-1] != self.layout.size:
            wanted = f"({self.layout.size},)"
            wanted += f" or (batch, {self.layout.size})" if 2 in axes else ""
            raise InputError("theta", flat.shape, f"a shape {wanted} is needed")
        return flat

    def torch_value(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """h at a model's tensors: (c,), in their dtype, on their device, differentiable.

        Args:
            tensors: by name, every one of the layout, in its shape; others are not looked at.

        Raises:
            InputError: a tensor is missing, or of another shape.
        """
        from conserved.law.torch import TorchScalars, flat_theta

        value: Tensor = self.values(TorchScalars(), flat_theta(self.layout, tensors))[0]  # type: ignore[arg-type]
        return value

    def to_json(self) -> dict[str, Any]:
        """An entry of ``laws`` in the JSON contract, with all that defines the law."""
        return {
            "name": self.name,
            "kind": self.kind,
            "origin": self.origin,
            "independent": self.independent,
            "text": self.text,
            "latex": self.latex,
            "form": self.form,
            **self.data(),
        }

    def _repr_html_(self) -> str:
        return f"<code>{escape(self.text)}</code>"

    def __str__(self) -> str:
        return self.text


@singledispatch
def formula(law: Law) -> Formula:
    """How a form of law is written (``conserved.law.written``)."""
    raise TypeError(f"no formula is known for a {type(law).__name__}")


@singledispatch
def name(law: Law) -> str:
    """What to call a law: its formula, where its form has nothing better."""
    return law.text


@singledispatch
def statement(law: Law) -> str:
    """What a law says, without words chosen by an author."""
    return law.name


@singledispatch
def labels(law: Law) -> tuple[str, ...]:
    """A short name for each function of a law."""
    return tuple(f"h{i + 1}" for i in range(law.size))


def scalar_of(scalars: Scalars, coefficient: Fraction) -> Array:
    """A fraction in these scalars, shape ().

    Raises:
        DegenerateSampleError: its denominator is 0 mod p.
    """
    try:
        value = scalars.fraction(coefficient.numerator, coefficient.denominator)
    except ValueError as error:
        raise DegenerateSampleError(
            f"a coefficient, {coefficient}, has no value mod this prime"
        ) from error
    return np.asarray(value, dtype=scalars.dtype)
