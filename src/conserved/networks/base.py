"""What a network is to this program: parameters, shapes, one formula, perhaps a linear form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import ClassVar

from conserved.errors import InputError, LimitError, is_whole, quoted, require_text
from conserved.kernel.evaluate import Choose, Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.program import NAME_LIMIT, Program
from conserved.kernel.scalars import Array
from conserved.networks.axes import Side, feature_axes
from conserved.networks.lift import found_lift
from conserved.networks.linear_form import Lift
from conserved.networks.tracing import Var, trace

PARAMETER_LIMIT = 10_000_000
SPEC_LIMIT = 400  # characters; longer text is a mistake, not a network
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

    def __post_init__(self) -> None:
        _require_name("parameter", self.name, NAME_LIMIT)
        object.__setattr__(self, "shape", _shape("parameter", self.name, self.shape))

    @property
    def size(self) -> int:
        return prod(self.shape)


class Network(ABC):
    """A map (θ, x) ↦ f(θ, x) made of ring operations and elementary functions.

    Subclasses set the attributes once, in ``__init__`` through ``_declare``, and write ``forward``
    against ``Var``, for one input, as on paper. It is called once, and what it did is the
    network's ``program``: everything else works on that.

    Law every network obeys: at an integer θ and x, its fields over GF(p) are its integer fields
    reduced mod p, and in float64 its fields are the gradients that autograd gives
    (``conserved.testing.check_network`` runs this on any network).

    Attributes:
        spec: what to call it; for families the text that builds it ("linear:4-2-1").
        reference: the code it came from, as named on the command line ("nets.py:factory"), or "".
        parameters: the parameter tensors, in the order of the flat vector θ.
        input_shape, output_shape: shape of one input and one output; the last axis carries
            the features on which symmetries act.
    """

    family: ClassVar[str]

    spec: str
    reference: str = ""
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
        _require_name("network", spec, SPEC_LIMIT)
        self.spec = spec
        self.parameters = tuple(parameters)
        names = [parameter.name for parameter in self.parameters]
        if not names or len(set(names)) < len(names):
            advice = f"parameters have different names, got {', '.join(names) or 'none'}"
            raise InputError("network", spec, advice)
        self.input_shape = _shape("inputs of", spec, input_shape, least=1)
        self.output_shape = _shape("outputs of", spec, output_shape, least=1)
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

    @cached_property
    def program(self) -> Program:
        """What ``forward`` computes, as data.

        Raises:
            InputError: inexact numbers, shapes that do not fit, or another output than declared.
        """
        tensors = tuple((parameter.name, parameter.shape) for parameter in self.parameters)
        inputs = (("x", self.input_shape),)
        program = trace(tensors, inputs, lambda named, given: self.forward(named, given["x"]))
        if program.shape != self.output_shape:
            advice = f"its outputs have shape {program.shape}, declared are {self.output_shape}"
            raise InputError("network", self.spec, advice)
        return program

    @property
    def piecewise(self) -> bool:
        """Whether gates occur (relu, max, sort), so that fields depend on a pattern of choices."""
        return bool(self.program.choices)

    @property
    def all_patterns_count(self) -> bool:
        """Whether the patterns met at one θ are known to span what all patterns span.

        Choices by inputs alone, such as tokens, are met whatever θ is.
        """
        return self.program.by_inputs == self.program.choices

    def feature_axes(self) -> list[tuple[str, int, Side]]:
        """Which axes of which parameters carry the input's or the output's features.

        A linear isometry of inputs and outputs acts on these axes of the parameters. Found from
        the program of a network with a lift: (parameter name, axis, "input" or "output").
        """
        return list(self._found_axes)

    @cached_property
    def _found_axes(self) -> list[tuple[str, int, Side]]:
        return [] if self.lift() is None else feature_axes(self.program)

    def lift(self) -> Lift | None:
        """Its linear form A(θ) Φ(x) where it has one of manageable size (theory §5).

        Found from the program; a network that knows a smaller one says it here.
        """
        return self._found_lift[1]

    @property
    def lift_dimension(self) -> int:
        """τ, the length of Φ(x), whether or not that is manageable; 0 without a linear form."""
        return self._found_lift[0]

    @cached_property
    def _found_lift(self) -> tuple[int, Lift | None]:
        return found_lift(self.program)

    @property
    def size(self) -> int:
        """D, the number of scalar parameters."""
        return sum(parameter.size for parameter in self.parameters)

    def run(self, ring: FormalRing, theta: Array, x: Array, choose: Choose | None = None) -> Run:
        """One evaluation at θ (jet, batch, D) and data x (batch, data, *input)."""
        return Run(self.program, ring, theta, (x,), choose)

    def activations(self, inputs: int = 1) -> int:
        """Number of values that one forward pass on so many inputs keeps, parameters included."""
        return self.program.volume(inputs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.spec}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Network)
            and type(self) is type(other)
            and self.spec == other.spec
            and self.program == other.program
        )

    def __hash__(self) -> int:
        return hash(self.program)


def _require_name(what: str, name: object, limit: int) -> None:
    """Refuse what no certificate could hold as a name."""
    text = require_text(what, name, "W1" if what == "parameter" else "linear:4-2-1")
    if not text.strip() or text != text.strip() or len(text) > limit or not text.isprintable():
        advice = f"a name has 1 to {limit} printable characters, and no spaces around them"
        raise InputError(what, name, advice)


def _shape(what: str, name: str, value: Sequence[object], least: int = 0) -> tuple[int, ...]:
    """A shape in Python's integers, of so many axes at least."""
    lengths = tuple(value) if isinstance(value, Iterable) else (None,)
    whole = tuple(int(n) for n in lengths if is_whole(n) and n > 0)
    if len(whole) < max(len(lengths), least):
        advice = f"a shape is a tuple of positive integers such as (3, 2), got {quoted(value)}"
        raise InputError(what, name, advice)
    return whole


def flag(spec: str, name: str, value: object) -> bool:
    """Check a yes-or-no option given in library use."""
    if not isinstance(value, bool):
        raise InputError("network", spec, f"{name} is True or False, got {quoted(value)}")
    return value


def positive_integers(spec: str, values: Sequence[object], what: str, least: int) -> list[int]:
    """Check sizes given in library use; the same rule that the command line applies to text."""
    if len(values) < least:
        raise InputError("network", spec, f"needs at least {least} {what}")
    checked = []
    for value in values:
        if not is_whole(value) or value < 1:
            raise InputError("network", spec, f"{what} are positive integers, got {quoted(value)}")
        checked.append(int(value))
    return checked
