"""What a loss is, as far as conservation laws can tell: its gradient (theory §4).

What matters of ℓ is the span, over labels y, of Σ_g J(gx)ᵀ ∇ℓ(f(gx), gy). Writing ∇ℓ as a power
series in the prediction, that span only knows *which orders* occur: {0, 1} for squared error,
{0, …, q−1} for degree q, all orders for a generic analytic loss. A loss with infinitely many
orders is replaced by a random formal function with the same orders: at finitely many points its
values and derivatives are independent, and some polynomial with those orders takes exactly those
values (Hermite interpolation mod p), so the fields are true members of the class.

Its value and gradient in float64, for whoever trains, stand beside.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.errors import InputError
from conserved.kernel.extent import Degree
from conserved.kernel.functions import FormalRing
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array, Scalars


class Loss(ABC):
    """A loss ℓ(ŷ, y), known by its gradient in ŷ.

    Attributes:
        spec: its text form ("poly:3").
        orders: the orders k of the prediction in ∇ℓ, in words.
        one_hot: whether labels are classes, so that a symmetry may only permute them.
        real_labels: whether every real number is a label.
    """

    spec: str
    orders: str
    one_hot: ClassVar[bool] = False
    real_labels: ClassVar[bool] = True

    def check(self, output_shape: tuple[int, ...]) -> None:  # noqa: B027 (most take any)
        """Refuse outputs that the loss cannot take.

        Raises:
            InputError: with both shapes named.
        """

    def fault_of_label(self, label: Sequence[Fraction], classes: int) -> str:
        """What is wrong with a given label, flattened, of outputs with so many last; or ""."""
        return ""

    def labels(self, random: Array) -> Array:
        """Generic labels, made from uniformly random entries of the output's shape."""
        return random

    def pulls(self, scalars: Scalars, random: Array) -> Array:
        """Random members of V_ℓ, the span of ∇ℓ over all labels: by default everything."""
        return random

    def extent(self, prediction: Degree, classes: int) -> Degree:
        """At most that of ∇ℓ in all that is drawn: by default of formal values, or of a softmax."""
        return Degree(2 * classes + 2, 2 * classes + 1)

    @abstractmethod
    def gradient(
        self, ring: FormalRing, prediction: Array, labels: Array, key: NDArray[np.uint64]
    ) -> Array:
        """∇ℓ on jets.

        Args:
            ring: the arithmetic.
            prediction: f(θ, x), axes (jet, batch, datum, *output).
            labels: y, axes (1, batch, datum, *output).
            key: (batch,) one hash key per field: which member of the class it is.

        Returns:
            Array of the shape of ``prediction``.
        """

    def values(self, prediction: Array, labels: Array) -> Array:
        """ℓ in float64: predictions (batch, datum, *output), labels (datum, *output).

        Returns:
            One value a datum, (batch, datum).

        Raises:
            InputError: a loss that stands for many functions at once.
        """
        raise InputError(
            "loss", self.spec, "training needs one definite loss, such as mse, poly:4 or logistic"
        )

    def slopes(self, prediction: Array, labels: Array) -> Array:
        """∇ℓ in float64, the derivative of ``values`` in the prediction, in its shape."""
        no_key = np.zeros(len(prediction), np.uint64)  # one function, no class to draw from
        ring = FormalRing(Reals())
        slopes: Array = self.gradient(ring, prediction[None], labels[None, None], no_key)[0]
        return slopes

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.spec}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Loss) and self.spec == other.spec

    def __hash__(self) -> int:
        return hash(self.spec)
