"""What a dynamics is to this program: which flow of the state it makes, as data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction

from conserved.errors import InputError
from conserved.kernel.flow import Flow, Numbers
from conserved.kernel.program import Tensors

ALL = ""  # stands for every tensor


class Dynamics(ABC):
    """A way of training, on any network.

    Law every dynamics obeys: the fields of ``flow`` span, at every state, all directions in which
    it can move under some dataset (theory §14); ``parse_flow(name)`` builds it again.

    Attributes:
        name: its text form.
        formula: its equation, on one line.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Its text form."""

    @property
    @abstractmethod
    def formula(self) -> str:
        """Its equation."""

    @abstractmethod
    def flow(self, tensors: Tensors) -> Flow:
        """The flow of the state that it makes of a network's parameters.

        Raises:
            InputError: tensors are named that the network does not have.
        """

    def __str__(self) -> str:
        return self.name


def checked(dynamics: Dynamics, flow: Flow, tensors: Tensors) -> Flow:
    """A flow that is one of these tensors.

    Raises:
        InputError: it is none.
    """
    if fault := flow.fault(tensors):
        raise InputError("flow", dynamics.name, fault)
    return flow


def spread(numbers: Numbers, tensors: Tensors) -> Numbers:
    """Numbers by tensor; one for ALL is for each."""
    if [name for name, _ in numbers] == [ALL]:
        return tuple((name, numbers[0][1]) for name, _ in tensors)
    return numbers


def told(numbers: Numbers) -> str:
    """Numbers as they are typed: 1/2, or W1=3,W2=7."""
    return ",".join(f"{name}={value}" if name else str(value) for name, value in numbers)


def require_numbers(what: str, numbers: Numbers) -> None:
    """Refuse what is no family of rates.

    Raises:
        InputError: none at all, one that is not above 0, or a tensor twice.
    """
    names = [name for name, _ in numbers]
    if not numbers or len(set(names)) < len(names) or (ALL in names and len(names) > 1):
        raise InputError(what, told(numbers), "one number, or one for each of some tensors")
    for _, value in numbers:
        if not isinstance(value, Fraction) or value <= 0:
            raise InputError(what, value, "a fraction above 0 is needed")
