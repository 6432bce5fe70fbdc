"""What a network is to this program: parameters, shapes, and one formula for the forward pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from numbers import Integral
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from conserved.arithmetic.tape import Tape, Var
from conserved.errors import InputError, LimitError
from conserved.kernel.functions import FormalRing
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array

if TYPE_CHECKING:
    from conserved.networks.lift import Lift

Side = Literal["input", "output"]
PARAMETER_LIMIT = 10_000_000
ACTIVATION_LIMIT = 1_000_000  # entries of one intermediate value for one input


@dataclass(frozen=True)
class Parameter:
    """A named parameter tensor.

    Example:
        >>> Parameter("W1", (3, 2)).size
        6
    """

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return prod(self.shape)


class Network(ABC):
    """A map (θ, x) ↦ f(θ, x) made of ring operations and elementary functions.

    Subclasses set the attributes once, in ``__init__`` through ``_declare``, and write ``forward``
    against ``Var``, for one input, as on paper.

    Law every network obeys: at an integer θ and x, its fields over GF(p) are its integer fields
    reduced mod p, and in float64 its fields are the gradients that autograd gives
    (``conserved.testing.check_network`` runs this on any network).

    Attributes:
        spec: the text that builds it on the command line ("linear:4-2-1").
        parameters: the parameter tensors, in the order of the flat vector θ.
        input_shape, output_shape: shape of one input and one output; the last axis carries
            the features on which symmetries act.
        piecewise: whether ``relu`` occurs, so that fields depend on an activation pattern.
        free_gates: whether every unit has a gate of its own that enters each field linearly, so
            that laws which survive every pattern can be counted (2307.00144); otherwise the
            patterns of one real random network are used.
    """

    family: ClassVar[str]
    piecewise: ClassVar[bool] = False
    free_gates: ClassVar[bool] = False

    spec: str
    parameters: tuple[Parameter, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    def _declare(
        self,
        spec: str,
        parameters: Sequence[Parameter],
        input_shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        widest: int = 0,
    ) -> None:
        """Set the attributes; ``widest`` is the size of the largest intermediate value."""
        self.spec = spec
        self.parameters = tuple(parameters)
        self.input_shape = input_shape
        self.output_shape = output_shape
        if self.size > PARAMETER_LIMIT:
            raise LimitError(
                f"network '{spec}': {self.size:,} parameters; the limit is {PARAMETER_LIMIT:,}"
            )
        largest = max(prod(input_shape), prod(output_shape), widest)
        if largest > ACTIVATION_LIMIT:
            raise LimitError(
                f"network '{spec}': one input makes an intermediate value of {largest:,} entries; "
                f"the limit is {ACTIVATION_LIMIT:,}"
            )

    @abstractmethod
    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        """The output for one input x, as operations on ``Var``."""

    @property
    def all_patterns_count(self) -> bool:
        """Whether the patterns met at one θ span what all patterns span (for ``free_gates``)."""
        return True

    def feature_axes(self) -> list[tuple[str, int, Side]]:
        """Which axes of which parameters carry the input's or the output's features.

        A linear isometry of inputs and outputs acts on these axes of the parameters; networks with
        a lift say which they are: (parameter name, axis, "input" or "output").
        """
        return []

    def lift(self) -> Lift | None:
        """Its linear form A(θ) Φ(x) where it has one of manageable size (theory §5)."""
        return None

    @property
    def lift_dimension(self) -> int:
        """τ, the length of Φ(x), whether or not that is manageable; 0 without a linear form."""
        lift = self.lift()
        return 0 if lift is None else lift.dimension

    @property
    def size(self) -> int:
        """D, the number of scalar parameters."""
        return sum(parameter.size for parameter in self.parameters)

    def split(self, theta: Array) -> dict[str, Array]:
        """A flat θ with axes (jet, batch, D) as views (jet, batch, 1, *shape), by name."""
        views = {}
        start = 0
        for parameter in self.parameters:
            block = theta[:, :, start : start + parameter.size]
            views[parameter.name] = block.reshape(*block.shape[:2], 1, *parameter.shape)
            start += parameter.size
        return views

    def run(self, tape: Tape, theta: Array, x: Array) -> tuple[Var, list[Var]]:
        """(output, parameter variables) at θ (jet, batch, D) and data x (batch, data, *input)."""
        variables = {name: tape.variable(value) for name, value in self.split(theta).items()}
        return self.forward(variables, tape.constant(x[None])), list(variables.values())

    def activations(self, inputs: int = 1) -> int:
        """Number of values that one forward pass on so many inputs keeps, parameters included."""
        one, two = self._volume(1), self._volume(2)
        return one + (inputs - 1) * (two - one)

    def _volume(self, inputs: int) -> int:
        tape = Tape(FormalRing(Reals()))
        data = np.zeros((1, inputs, *self.input_shape))
        output, _ = self.run(tape, np.zeros((1, 1, self.size)), data)
        if output.shape != self.output_shape:
            advice = f"its outputs have shape {output.shape}, declared are {self.output_shape}"
            raise InputError("network", self.spec, advice)
        return tape.volume

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.spec}>"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.spec == getattr(other, "spec", None)

    def __hash__(self) -> int:
        return hash((type(self), self.spec))


def flag(spec: str, name: str, value: object) -> bool:
    """Check a yes-or-no option given in library use."""
    if not isinstance(value, bool):
        raise InputError("network", spec, f"{name} is True or False, got {value!r}")
    return value


def positive_integers(spec: str, values: Sequence[object], what: str, least: int) -> list[int]:
    """Check sizes given in library use; the same rule that the command line applies to text."""
    if len(values) < least:
        raise InputError("network", spec, f"needs at least {least} {what}")
    checked = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise InputError("network", spec, f"{what} are positive integers, got {value!r}")
        checked.append(int(value))
    return checked
