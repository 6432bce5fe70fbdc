"""The losses, and the names they go by."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.errors import InputError, is_whole, nearest, require_text
from conserved.kernel.extent import Degree
from conserved.kernel.formal import FormalValues
from conserved.kernel.functions import FormalRing
from conserved.kernel.jets import halves, join
from conserved.kernel.loss import Loss
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array, Scalars

DEGREE_LIMIT = 32


class PolynomialLoss(Loss):
    """ℓ = Σ_j (ŷ_j − y_j)^q / q, gradient (ŷ − y)^{q−1}: orders 0 … q−1.

    Example:
        >>> PolynomialLoss(3).spec
        'poly:3'
    """

    def __init__(self, degree: int) -> None:
        if not is_whole(degree) or not 2 <= degree <= DEGREE_LIMIT:
            advice = f"the degree is an integer from 2 to {DEGREE_LIMIT}"
            raise InputError("loss", f"poly:{degree}", advice)
        self.degree = int(degree)
        self.spec = f"poly:{degree}"
        self.orders = ", ".join(str(k) for k in range(min(degree, 4)))
        self.orders += f", …, {degree - 1}" if degree > 4 else ""

    def extent(self, prediction: Degree, classes: int) -> Degree:
        return prediction.plus(Degree(1)).power(self.degree - 1)

    def gradient(
        self, ring: FormalRing, prediction: Array, labels: Array, key: NDArray[np.uint64]
    ) -> Array:
        return ring.power(ring.sub(prediction, labels), self.degree - 1)

    def values(self, prediction: Array, labels: Array) -> Array:
        return _summed((prediction - labels) ** self.degree) / self.degree


class MeanSquaredError(PolynomialLoss):
    """ℓ = ½‖ŷ − y‖²: orders 0 and 1."""

    def __init__(self) -> None:
        super().__init__(2)
        self.spec = "mse"


class MarginLoss(Loss):
    """ℓ = φ(y ŷ), φ analytic, not a polynomial, scalar ŷ; real labels y separate the orders."""

    parity: ClassVar[bool]  # whether only order 0 and the odd orders occur
    real_labels = False

    @abstractmethod
    def margin(self, ring: FormalRing, t: Array) -> Array:
        """φ(t) on jets."""

    def values(self, prediction: Array, labels: Array) -> Array:
        return _summed(self.margin(FormalRing(Reals()), (prediction * labels)[None])[0])

    def slopes(self, prediction: Array, labels: Array) -> Array:
        t = prediction * labels
        slopes: Array = labels * self.margin(FormalRing(Reals()), np.stack([t, np.ones_like(t)]))[1]
        return slopes

    def check(self, output_shape: tuple[int, ...]) -> None:
        if prod(output_shape) != 1:
            raise InputError(
                "loss",
                self.spec,
                f"needs one output, the network has {prod(output_shape)}; "
                "mse, poly:Q and any take several",
            )

    def fault_of_label(self, label: Sequence[Fraction], classes: int) -> str:
        return "" if abs(label[0]) == 1 else f"labels of {self.spec} are 1 and -1"

    def labels(self, random: Array) -> Array:
        return np.ones_like(random)  # the size of y is absorbed in the formal function

    def gradient(
        self, ring: FormalRing, prediction: Array, labels: Array, key: NDArray[np.uint64]
    ) -> Array:
        """s·r(s ŷ) for a random series r with the loss's orders, s = ±1 the label's sign."""
        wide = key.reshape(1, -1, *(1,) * (prediction.ndim - 2))
        series = self._series(ring, ring.mul(prediction, labels), 0, wide)
        return ring.mul(series, labels)

    def _series(self, ring: FormalRing, t: Array, order: int, key: NDArray[np.uint64]) -> Array:
        """r^{(order)}(t)."""
        if len(t) > 1:
            low, tangent = halves(t)
            slope = self._series(ring, low, order + 1, key)
            return join(self._series(ring, low, order, key), ring.mul(slope, tangent))
        values = ring.formal()
        name = f"loss, derivative {order}"
        if not self.parity:
            return values.free(name, t, key)
        if order % 2:
            return values.even(name, t, key)
        odd = values.odd(name, t, key)
        return odd if order else ring.add(odd, values.free(name, np.zeros_like(t), key))


class Logistic(MarginLoss):
    """ℓ = log(1 + exp(−y ŷ)): order 0 and all odd orders."""

    spec = "logistic"
    orders = "0 and every odd order"
    parity = True

    def margin(self, ring: FormalRing, t: Array) -> Array:
        return ring.function("softplus", ring.neg(t))


class Exponential(MarginLoss):
    """ℓ = exp(−y ŷ): all orders."""

    spec = "exponential"
    orders = "every order"
    parity = False

    def margin(self, ring: FormalRing, t: Array) -> Array:
        return ring.function("exp", ring.neg(t))


class CrossEntropy(Loss):
    """ℓ = −Σ_c y_c log softmax(ŷ)_c with one-hot y, gradient softmax(ŷ) − y.

    Gradients sum to 0 over the classes: V_ℓ = 1^⊥. Labels are classes, so a symmetry may act on
    them by permuting classes only.
    """

    spec = "cross-entropy"
    orders = "every order, gradients sum to 0"
    one_hot = True
    real_labels = False

    def check(self, output_shape: tuple[int, ...]) -> None:
        if output_shape[-1] < 2:
            raise InputError(
                "loss", self.spec, "needs at least 2 outputs, one a class; logistic takes one"
            )

    def fault_of_label(self, label: Sequence[Fraction], classes: int) -> str:
        sums = {sum(label[start : start + classes]) for start in range(0, len(label), classes)}
        return "" if sums == {1} else f"labels of {self.spec} are one-hot, or sum to 1"

    def labels(self, random: Array) -> Array:
        classes = random.shape[-1]
        chosen = np.remainder(random[..., :1], classes)
        one_hot: Array = (chosen == np.arange(classes)).astype(random.dtype)
        return one_hot

    def pulls(self, scalars: Scalars, random: Array) -> Array:
        mean = scalars.reduce(random.sum(axis=-1, keepdims=True))
        share = np.asarray(scalars.fraction(1, random.shape[-1]), dtype=random.dtype)
        return scalars.reduce(random - scalars.mul(mean, share))

    def gradient(
        self, ring: FormalRing, prediction: Array, labels: Array, key: NDArray[np.uint64]
    ) -> Array:
        weight = ring.function("exp", prediction)
        total = ring.scalars.reduce(weight.sum(axis=-1, keepdims=True))
        return ring.sub(ring.mul(weight, ring.inverse(total)), labels)

    def values(self, prediction: Array, labels: Array) -> Array:
        shifted = _from_largest(prediction)
        total = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return _summed(labels * (total - shifted))

    def slopes(self, prediction: Array, labels: Array) -> Array:
        return super().slopes(_from_largest(prediction), labels)


class AnyLoss(Loss):
    """Every loss at once: laws for it hold whatever the loss.

    The gradient is that of a random formal function R(ŷ; y), with symmetric derivatives, so equal
    pairs (f(gx), gy) in an orbit stay grouped and all others are told apart.
    """

    spec = "any"
    orders = "every order"

    def gradient(
        self, ring: FormalRing, prediction: Array, labels: Array, key: NDArray[np.uint64]
    ) -> Array:
        jets = prediction.reshape(*prediction.shape[:3], -1)
        flat = labels.reshape(*labels.shape[:3], -1)
        outputs = range(jets.shape[-1])
        memo: dict[tuple[tuple[int, ...], int], Array] = {}
        slopes = [self._derivative(ring, jets, flat, (j,), key, memo) for j in outputs]
        return np.stack(slopes, axis=-1).reshape(*prediction.shape)

    def _derivative(
        self,
        ring: FormalRing,
        point: Array,
        labels: Array,
        index: tuple[int, ...],
        key: NDArray[np.uint64],
        memo: dict[tuple[tuple[int, ...], int], Array],
    ) -> Array:
        """∂_index R at jets of points (jet, batch, datum, outputs), as (jet, batch, datum).

        ``memo`` holds what one gradient has met: derivatives commute, and lower halves recur.
        """
        index = tuple(sorted(index))
        if (index, len(point)) in memo:
            return memo[index, len(point)]
        if len(point) == 1:
            value = _scattered(ring.formal(), point, labels, index, key)
        else:
            low, tangent = halves(point)
            slope = ring.mul(
                self._derivative(ring, low, labels, (*index, 0), key, memo), tangent[..., 0]
            )
            for j in range(1, point.shape[-1]):
                higher = self._derivative(ring, low, labels, (*index, j), key, memo)
                slope = ring.add(slope, ring.mul(higher, tangent[..., j]))
            value = join(self._derivative(ring, low, labels, index, key, memo), slope)
        memo[index, len(point)] = value
        return value


def _scattered(
    values: FormalValues,
    point: Array,
    labels: Array,
    index: tuple[int, ...],
    key: NDArray[np.uint64],
) -> Array:
    """One formal value per (point, label, sorted index, key)."""
    folded = np.broadcast_to(key[None, :, None], point.shape[:-1])
    for j in range(point.shape[-1]):
        folded = values.absorb(values.absorb(folded, point[..., j]), labels[..., j])
    name = f"loss, derivative {index}"
    return values.free(name, np.zeros_like(point[..., 0]), folded)


def _summed(terms: Array) -> Array:
    """Over the output axes: (batch, datum, *output) → (batch, datum)."""
    summed: Array = terms.sum(axis=tuple(range(2, terms.ndim)))
    return summed


def _from_largest(prediction: Array) -> Array:
    """Logits less the largest: the same softmax, and no overflow."""
    shifted: Array = prediction - prediction.max(axis=-1, keepdims=True)
    return shifted


@dataclass(frozen=True)
class LossFamily:
    """A loss's text form, and how to build it (from its degree, where it takes one)."""

    name: str
    formula: str
    build: Callable[..., Loss]
    takes_degree: bool = False

    @property
    def usage(self) -> str:
        return f"{self.name}:Q" if self.takes_degree else self.name

    @property
    def example(self) -> str:
        return f"{self.name}:3" if self.takes_degree else self.name


LOSSES: dict[str, LossFamily] = {
    family.name: family
    for family in (
        LossFamily("mse", "½ ‖ŷ − y‖²", MeanSquaredError),
        LossFamily("poly", "Σ_j (ŷ_j − y_j)^Q / Q, Q ≥ 2", PolynomialLoss, takes_degree=True),
        LossFamily("logistic", "log(1 + exp(−y ŷ)), one output", Logistic),
        LossFamily("exponential", "exp(−y ŷ), one output", Exponential),
        LossFamily("cross-entropy", "−Σ_c y_c log softmax(ŷ)_c, one-hot labels", CrossEntropy),
        LossFamily("any", "every loss at once", AnyLoss),
    )
}


def parse_loss(text: str, losses: Mapping[str, LossFamily] = LOSSES) -> Loss:
    """Build the loss, of those given, that a text names.

    Raises:
        InputError: unknown name, missing or unusable degree.
    """
    name, colon, degree = require_text("loss", text, "mse or poly:3").strip().partition(":")
    family = losses.get(name)
    if family is None:
        raise InputError("loss", text, f"unknown; {nearest(name, losses)}")
    if not family.takes_degree:
        if colon:
            raise InputError("loss", text, f"'{name}' takes no argument")
        return family.build()
    if not (degree.isascii() and degree.isdigit() and len(degree) < 4):
        raise InputError("loss", text, f"needs a degree, e.g. '{name}:3'")
    return family.build(int(degree))
