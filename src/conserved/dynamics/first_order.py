"""Dynamics whose state is θ, or θ and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conserved.data.table import exact_rows
from conserved.dynamics.base import Dynamics, checked, require_numbers, spread, told
from conserved.errors import InputError
from conserved.kernel.data import Row
from conserved.kernel.flow import GRADIENT, METRIC_LIMIT, OUTPUTS, SIGN, Flow, Numbers
from conserved.kernel.program import Tensors


@dataclass(frozen=True)
class Gradient(Dynamics):
    """Gradient flow."""

    name = "gradient"
    formula = "θ' = −∇L(θ)"

    def flow(self, tensors: Tensors) -> Flow:
        return GRADIENT


@dataclass(frozen=True)
class Outputs(Dynamics):
    """The outputs of the network as a field of its parameters, with no loss and no labels.

    Every input x makes one field f(θ, x), so the inputs are the constants of a family of fields:
    any flow can be asked for its laws, not those of training alone.
    """

    name = "outputs"
    formula = "θ' = f(θ, x), any x"

    def flow(self, tensors: Tensors) -> Flow:
        return OUTPUTS


@dataclass(frozen=True)
class Sign(Dynamics):
    """Sign descent, of which Adam without averages (β = 0, ε = 0) and Lion take steps.

    The signs of all datasets' gradients span one vector for each class of entries that are always
    proportional (``kernel.sign_flow``), so the count is exact; its laws are linear on cells of θ.
    """

    name = "sign"
    formula = "θ' = −sign ∇L(θ)"

    def flow(self, tensors: Tensors) -> Flow:
        return SIGN


@dataclass(frozen=True)
class Natural(Dynamics):
    """Natural gradient, Gauss–Newton and Levenberg–Marquardt with the exact F of the same data.

    F is symmetric and its range is the span W(θ) of all pulls, so F⁺ and (F + λ)⁻¹ map W(θ) onto
    itself: the fields span what those of gradient flow span, and the laws are the same (theory
    §14). Not so for approximations of F, diagonal or by Kronecker products.
    """

    name = "natural"
    formula = "θ' = −F(θ)⁺ ∇L(θ)"

    def flow(self, tensors: Tensors) -> Flow:
        return GRADIENT


@dataclass(frozen=True)
class Rates(Dynamics):
    """A learning rate for each tensor; those not named have 1.

    Args:
        rates: (tensor, η).

    Example:
        >>> from fractions import Fraction
        >>> Rates((("W1", Fraction(3)), ("W2", Fraction(1, 2)))).name
        'rates:W1=3,W2=1/2'
    """

    rates: Numbers
    formula = "θ' = −η ∇L(θ), η by tensor"

    def __post_init__(self) -> None:
        require_numbers("rates", self.rates)

    @property
    def name(self) -> str:
        return f"rates:{told(self.rates)}"

    def flow(self, tensors: Tensors) -> Flow:
        return checked(self, Flow(rates=self.rates), tensors)


@dataclass(frozen=True)
class FreeRates(Dynamics):
    """A learning rate for each entry of θ, of which nothing is known: laws hold whatever they are.

    A diagonal preconditioner that stays, with entries as indeterminates.
    """

    name = "rates:entries"
    formula = "θ' = −η ⊙ ∇L(θ), a generic η for every entry"

    def flow(self, tensors: Tensors) -> Flow:
        return Flow(free=True)


@dataclass(frozen=True)
class Metric(Dynamics):
    """A constant metric, a preconditioner that stays: ∇L is multiplied by one matrix P.

    With P = B Bᵀ and θ = B φ this is gradient flow in φ.

    Args:
        rows: P, (D, D), symmetric and positive definite, of exact numbers.
        source: the file that they come from, as given; "" for none.

    Raises:
        InputError: a matrix that is not square, symmetric and positive definite.

    Example:
        >>> Metric.of([[2, 1], [1, 3]]).flow((("w", (2,)),)).metric[0]
        (Fraction(2, 1), Fraction(1, 1))
    """

    rows: tuple[Row, ...]
    source: str = "these numbers"
    formula = "θ' = −P ∇L(θ), P constant"

    def __post_init__(self) -> None:
        size = len(self.rows)
        square = size > 0 and all(len(row) == size for row in self.rows)
        if not square or tuple(zip(*self.rows, strict=True)) != self.rows:
            raise InputError("metric", self.source, "is no square symmetric matrix")
        if size > METRIC_LIMIT:
            raise InputError("metric", self.source, f"has {size:,} rows; at most {METRIC_LIMIT}")
        if not _positive(self.rows):
            raise InputError("metric", self.source, "is not positive definite")

    @classmethod
    def of(cls, rows: Any, source: str = "these numbers") -> Metric:
        """From whole numbers, fractions, decimals in quotes, or an array.

        Raises:
            InputError: with the place of what is no number.
        """
        return cls(exact_rows("metric", rows), source)

    @property
    def name(self) -> str:
        return f"metric:{self.source}"

    def flow(self, tensors: Tensors) -> Flow:
        return checked(self, Flow(metric=self.rows), tensors)


def _positive(rows: Sequence[Row]) -> bool:
    """Whether all pivots of a symmetric matrix are above 0, by exact elimination."""
    left = [list(row) for row in rows]
    for k, pivot in enumerate(left):
        if pivot[k] <= 0:
            return False
        for row in left[k + 1 :]:
            factor = row[k] / pivot[k]
            row[k:] = [a - factor * b for a, b in zip(row[k:], pivot[k:], strict=True)]
    return True


@dataclass(frozen=True)
class Decay(Dynamics):
    """Weight decay: one λ, or one for each of some tensors.

    Args:
        rates: (tensor, λ); "" stands for all tensors.
    """

    rates: Numbers
    formula = "θ' = −λθ − ∇L(θ)"

    def __post_init__(self) -> None:
        require_numbers("decay", self.rates)

    @property
    def name(self) -> str:
        return f"decay:{told(self.rates)}"

    def flow(self, tensors: Tensors) -> Flow:
        return checked(self, Flow(decay=spread(self.rates, tensors)), tensors)


@dataclass(frozen=True)
class Mirror(Dynamics):
    """Mirror descent, on some tensors or on all, by a potential with second derivative θ^{−k}.

    The entropy is k = 1, the logarithmic barrier of Burg k = 2.

    Args:
        tensors: their names; none stands for all.
        power: k, from 1 to 8.
    """

    tensors: tuple[str, ...] = ()
    power: int = 1

    @property
    def formula(self) -> str:
        where = f" on {', '.join(self.tensors)}" if self.tensors else ""
        scale = "θ" if self.power == 1 else f"θ^{self.power}"
        return f"θ' = −{scale} ⊙ ∇L(θ){where}"

    @property
    def name(self) -> str:
        words = [*self.tensors, *([f"power={self.power}"] if self.power != 1 else [])]
        return "mirror" + (f":{','.join(words)}" if words else "")

    def flow(self, tensors: Tensors) -> Flow:
        names = self.tensors or tuple(name for name, _ in tensors)
        return checked(self, Flow(mirror=names, power=self.power), tensors)
