"""Dynamics whose state is θ, or θ and time."""

from __future__ import annotations

from dataclasses import dataclass

from conserved.dynamics.base import Dynamics, checked, require_numbers, spread, told
from conserved.kernel.flow import GRADIENT, OUTPUTS, SIGN, Flow, Numbers
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
