"""L(θ) and ∇L(θ) in float64, over plain, orbit-averaged, moment-averaged or sampled data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from conserved.errors import InputError, LimitError
from conserved.kernel.functions import FormalRing
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.problem import Problem
from conserved.simulate.averages import Readout, RealSpace, averages, flattened
from conserved.simulate.data import Augment, Dataset
from conserved.simulate.haar import random_elements
from conserved.symmetry import ORBIT_LIMIT, Elements, act_on_inputs, enumerate_group

Chosen = NDArray[np.intp] | None
_ENTRIES = 2**23  # of all intermediate values of one pass; 64 MB
_ORBIT_ENTRIES = 5 * 10**7  # of all orbits of the data; 0.4 GB


class Objective(ABC):
    """The loss of a data set, as a mean over its data.

    Law every objective obeys: gradients are the derivative of the values, and the whole is the
    mean of its parts (``chosen``).

    Attributes:
        route: how it is computed, in words.
        samples: N, how many data it is the mean of.
        moving: whether data are moved at random, anew at every evaluation.
    """

    route: str
    moving: bool = False

    def __init__(self, problem: Problem, data: Dataset) -> None:
        self.problem = problem
        self.data = data
        self.samples = len(data)

    @abstractmethod
    def evaluate(self, theta: Array, chosen: Chosen = None) -> tuple[Array, Array]:
        """(L, ∇L) at θ (batch, D), over all data or those chosen: (batch,) and (batch, D)."""

    def value(self, theta: Array) -> Array:
        """L at θ (batch, D)."""
        return self.evaluate(theta)[0]

    @property
    def steady(self) -> Objective:
        """The same on data that stay where they are."""
        return self

    def begin(self, theta: Array, rng: np.random.Generator) -> Array:
        """The state that a run begins in at θ (D,)."""
        return theta

    def split(self, states: Array) -> list[Array]:
        """What states (S, …) hold of predictions, law by law: (S, c) each."""
        return []

    @abstractmethod
    def jittered(self, rng: np.random.Generator, amount: float) -> Objective:
        """The same on data of which every number is changed by ± a relative amount."""


@final
class PointObjective(Objective):
    """Over points, each with its orbit under a finite group where one is given.

    Args:
        problem: network and loss.
        data: base points.
        elements: the group, or None for the points alone.
    """

    def __init__(self, problem: Problem, data: Dataset, elements: Elements | None = None) -> None:
        super().__init__(problem, data)
        self.elements = elements
        self.per_point = max(problem.network.activations() - problem.network.size, 1)
        self.route = f"{len(data):,} data points"
        self.inputs, self.labels = data.inputs[:, None], data.labels[:, None]
        if elements is not None:
            count = len(elements.signs)
            self.route += f", each with its whole orbit of {count:,}"
            real = Reals()
            self.inputs = act_on_inputs(elements, data.inputs, real)
            self.labels = problem.labels.act(elements, data.labels, real)

    def evaluate(self, theta: Array, chosen: Chosen = None) -> tuple[Array, Array]:
        x, y = self.inputs, self.labels
        if chosen is not None:
            x, y = x[chosen], y[chosen]
        return point_gradient(self, x.reshape(-1, *x.shape[2:]), y.reshape(-1, *y.shape[2:]), theta)

    def jittered(self, rng: np.random.Generator, amount: float) -> PointObjective:
        return PointObjective(self.problem, jittered(self.data, rng, amount), self.elements)


@final
class SampledObjective(Objective):
    """Over points, each moved by one random group element at every evaluation.

    Args:
        problem: network, loss and group.
        data: base points.
        rng: draws the elements.
    """

    moving = True

    def __init__(self, problem: Problem, data: Dataset, rng: np.random.Generator) -> None:
        super().__init__(problem, data)
        self.rng = rng
        self.per_point = max(problem.network.activations() - problem.network.size, 1)
        self.plain = PointObjective(problem, data)
        self.route = f"{len(data):,} data points, each moved at random at every step"

    def evaluate(self, theta: Array, chosen: Chosen = None) -> tuple[Array, Array]:
        x, y = self.data.inputs, self.data.labels
        if chosen is not None:
            x, y = x[chosen], y[chosen]
        elements = random_elements(self.problem.group, len(x), self.rng)
        moved = np.einsum("i...a,iba->i...b", x, elements.matrices)
        return point_gradient(self, moved, self._labels(elements, y), theta)

    def _labels(self, elements: Elements, y: Array) -> Array:
        second = elements.labels
        parts = []
        for i in range(len(y)):
            one = Elements(
                elements.matrices[i : i + 1],
                elements.signs[i : i + 1],
                None if second is None else second[i : i + 1],
            )
            parts.append(self.problem.labels.act(one, y[i : i + 1], Reals())[0])
        return np.concatenate(parts)

    def value(self, theta: Array) -> Array:
        return self.plain.value(theta)

    @property
    def steady(self) -> Objective:
        return self.plain

    def jittered(self, rng: np.random.Generator, amount: float) -> Objective:
        return self.plain.jittered(rng, amount)


@final
class MomentObjective(Objective):
    """Squared error of a tensorizable network, through exactly averaged moments (theory §5).

    L = ½⟨Ã S, Ã⟩ − ⟨Ã, C⟩ + ½ mean ‖y‖², S and C the averages of ΦΦᵀ and yΦᵀ over the group.

    Args:
        problem: network, loss and group.
        data: base points.
        space: the invariant forms, when they are known already.
    """

    def __init__(
        self,
        problem: Problem,
        data: Dataset,
        space: tuple[Readout, RealSpace] | None = None,
    ) -> None:
        super().__init__(problem, data)
        if space is None:
            lift = problem.network.lift()
            if lift is None or problem.loss.spec not in ("mse", "poly:2"):
                advice = "averaged moments need squared error and a tensorizable network"
                raise InputError("augment", "full", advice)
            space = averages(problem, lift)
        self.readout, self.space = space
        phi = self.readout.features(data.inputs)
        y = data.labels.reshape(len(data), -1, data.labels.shape[-1])
        self.quadratic = self.space.quadratic_coordinates(phi)
        self.mixed = self.space.mixed_coordinates(y, phi)
        self.constant = 0.5 * (y**2).sum(axis=(1, 2))
        counts = f"{self.quadratic.shape[1]} of ΦΦᵀ, {self.mixed.shape[1]} of yΦᵀ"
        self.route = f"{len(data):,} data points, moments averaged over the group exactly: {counts}"
        self._whole = self._moments(None)

    def _moments(self, chosen: Chosen) -> tuple[Array, Array, float]:
        rows: slice | NDArray[np.intp] = slice(None) if chosen is None else chosen
        tau, m = self.space.quadratic.shape[-1], self.space.mixed.shape[-2]
        weights = self.quadratic[rows].mean(axis=0)
        square = (weights @ flattened(self.space.quadratic)).reshape(tau, tau)
        weights = self.mixed[rows].mean(axis=0)
        product = (weights @ flattened(self.space.mixed)).reshape(m, tau)
        return square, product.T, float(self.constant[rows].mean())

    def evaluate(self, theta: Array, chosen: Chosen = None) -> tuple[Array, Array]:
        square, product, constant = self._whole if chosen is None else self._moments(chosen)
        run = self.readout.outputs_at(FormalRing(Reals()), theta[None])
        flat = run.output.reshape(len(theta), -1, product.shape[-1])
        lifted = self.readout.lifted(flat)  # Ãᵀ, (batch, τ, m)
        stretched = square @ lifted
        values = (lifted * (0.5 * stretched - product)).sum(axis=(1, 2)) + constant
        seed = self.readout.pulled_back(stretched - product).reshape(run.output.shape)
        return values, run.gradient(seed)[0]

    def jittered(self, rng: np.random.Generator, amount: float) -> MomentObjective:
        data = jittered(self.data, rng, amount)
        return MomentObjective(self.problem, data, (self.readout, self.space))


def make_objective(
    problem: Problem, data: Dataset, augment: Augment, rng: np.random.Generator
) -> Objective:
    """The loss to descend on.

    Raises:
        InputError: an augmentation that does not fit.
        LimitError: orbits that do not fit in memory.
    """
    problem.loss.values(np.zeros_like(data.labels)[None], data.labels)  # refuse now what has none
    if augment == "none" or not problem.symmetric:
        return PointObjective(problem, data)
    if augment == "random":
        random_elements(problem.group, 1, rng)  # refuse at once what cannot be drawn from
        return SampledObjective(problem, data, rng)
    if augment != "full":
        raise InputError("augment", augment, "known: full, random, none")
    lift = problem.network.lift() if problem.loss.spec in ("mse", "poly:2") else None
    order, network = problem.group.order, problem.network
    if lift is not None and not order <= lift.dimension:
        return MomentObjective(problem, data)
    if not order <= ORBIT_LIMIT:
        raise LimitError(
            f"symmetry '{problem.group.name}': its orbits cannot be listed, and only squared error "
            "of a network that is a polynomial in its inputs is averaged without; take mse, or a "
            "finite group of up to 50,000 elements"
        )
    entries = int(order) * len(data) * (data.inputs[0].size + data.labels[0].size)
    if entries > _ORBIT_ENTRIES:
        raise LimitError(
            f"the orbits of {len(data):,} data under {order:,} elements of '{problem.group.name}' "
            f"have {entries:,} entries in {network.spec}; the limit is {_ORBIT_ENTRIES:,}: take "
            "fewer samples"
        )
    return PointObjective(problem, data, enumerate_group(problem.group, Reals()))


def jittered(data: Dataset, rng: np.random.Generator, amount: float) -> Dataset:
    """The data with every number changed by ± a relative amount."""
    parts = (
        x * (1 + amount * rng.choice([-1.0, 1.0], x.shape)) for x in (data.inputs, data.labels)
    )
    inputs, labels = parts
    return replace(data, inputs=inputs, labels=labels)


def point_gradient(
    objective: PointObjective | SampledObjective, x: Array, y: Array, theta: Array
) -> tuple[Array, Array]:
    """(mean ℓ, its gradient) over points x (N, *input), y (N, *output) at θ (batch, D)."""
    network, loss = objective.problem.network, objective.problem.loss
    step = max(1, _ENTRIES // (objective.per_point * len(theta)))
    if len(x) > step:  # equal parts would have equal weights; these need not be equal
        parts = [
            (
                len(x[i : i + step]),
                *point_gradient(objective, x[i : i + step], y[i : i + step], theta),
            )
            for i in range(0, len(x), step)
        ]
        values = sum(n * value for n, value, _ in parts) / len(x)
        gradients = sum(n * gradient for n, _, gradient in parts) / len(x)
        return np.asarray(values), np.asarray(gradients)
    run = network.run(FormalRing(Reals()), theta[None], x[None])
    prediction = run.output[0]
    values = loss.values(prediction, y).mean(axis=-1)
    seed = loss.slopes(prediction, y)[None] / len(x)
    return values, run.gradient(seed)[0]
