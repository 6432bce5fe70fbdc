"""A network that is known by its program alone: read from a certificate, without anyone's code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from conserved.errors import InputError
from conserved.kernel.program import Program
from conserved.networks.base import Network, Parameter
from conserved.networks.tracing import Var


class Given(Network):
    """The network of a program with one input.

    Args:
        spec: what to call it.
        program: what it computes.

    Raises:
        InputError: a program without parameters, or of more inputs than one.

    Example:
        >>> from conserved.networks.linear import Linear
        >>> Given("mine", Linear(3, 2).program).size
        6
    """

    family = "given"

    def __init__(self, spec: str, program: Program) -> None:
        if not isinstance(program, Program):
            raise InputError("program", repr(program), "give a conserved.kernel.program.Program")
        if not program.parameters or [name for name, _ in program.inputs] != ["x"]:
            raise InputError("program", spec, "a network has parameters and one input, x")
        if not program.shape or not program.inputs[0][1]:
            raise InputError("program", spec, "inputs and outputs have an axis of features")
        named = [Parameter(name, shape) for name, shape in program.parameters]
        self._given = program
        self._declare(spec, named, program.inputs[0][1], program.shape)

    @cached_property
    def program(self) -> Program:
        return self._given

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        raise NotImplementedError("a given program is not traced again")
