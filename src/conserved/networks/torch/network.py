"""A PyTorch module as a network: exported, read, and from then on known by its program alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from conserved.errors import InputError, is_whole
from conserved.kernel.program import Program
from conserved.networks.given import Given
from conserved.networks.torch.constants import Constants
from conserved.networks.torch.export import Exported, exported, require_module
from conserved.networks.torch.gradients import fault_of_gradient
from conserved.networks.torch.randomness import draws_of, masks_only
from conserved.networks.torch.reading import ancestors, only_output, read_graph
from conserved.networks.torch.values import Context, Tokens
from conserved.networks.tracing import Recording, Var

if TYPE_CHECKING:
    from torch import Tensor, nn

Example = "Tensor | Sequence[Tensor]"


class TorchNetwork(Given):
    """The network of a PyTorch module.

    Attributes:
        module: its class, by name.
        constants: what the numbers of the module were taken for, in words.
        frozen: names of parameters and buffers that are constants.
        tied: further names of a parameter → its first name.
        unused: trainable parameters that the output does not depend on; they are left out of θ.
        without_eps: the same with the eps of its norms → 0, or None where there is none.
    """

    family = "torch"

    def __init__(
        self,
        spec: str,
        program: Program,
        *,
        module: str = "",
        constants: tuple[str, ...] = (),
        frozen: tuple[str, ...] = (),
        tied: dict[str, str] | None = None,
        unused: tuple[str, ...] = (),
        without_eps: TorchNetwork | None = None,
    ) -> None:
        super().__init__(spec, program)
        self.module = module
        self.constants = constants
        self.frozen = frozen
        self.tied = dict(tied or {})
        self.unused = unused
        self.without_eps = without_eps

    @property
    def notes(self) -> tuple[str, ...]:
        """How the module was read, in words: constants, tied and unused parameters."""
        tied = [f"{name} is {own}" for name, own in self.tied.items()]
        unused = [f"left out: {name} is not used" for name in self.unused]
        return (*self.constants, *tied, *unused)


def read_module(
    module: nn.Module,
    example: Tensor | Sequence[Tensor],
    *,
    batch: int | None = None,
    tokens: int | None = None,
    output: str | int | None = None,
    spec: str | None = None,
) -> TorchNetwork:
    """A module as a network.

    Args:
        module: as it trains: in train mode batch norm sees batches, dropout is refused.
        example: what its forward takes, one tensor or several, with a batch axis in front; the
            values do not matter. Integers are token indices.
        batch: a datum is a batch of so many examples; by default one example, and the batch is
            independent data. 0: the inputs have no batch axis.
        tokens: indices are below this; by default the size of the first table looked up.
        output: which of several outputs, by name or position.
        spec: what to call the network; by default the class.

    Raises:
        InputError: in one line, with the operation, its module and its shape where one is not
            covered.
    """
    require_module(module)
    spec = type(module).__name__ if spec is None else spec
    reading = Reading(module, examples(example, batch), batch, tokens, output)
    own = reading.run(eps=True)
    reading.require_gradient(own.program)
    without = None
    if own.constants.eps:
        other = reading.run(eps=False)
        if other.program != own.program:
            without = reading.network(f"{spec}, eps → 0", type(module).__name__, other, None)
    return reading.network(spec, type(module).__name__, own, without)


def tensors_of(example: Any) -> list[Tensor]:
    """The inputs of a forward, one or several.

    Raises:
        InputError: what is no tensor and no list of them.
    """
    import torch

    if isinstance(example, torch.Tensor):
        return [example]
    kind = type(example).__name__
    if isinstance(example, Mapping):
        advice = "give its tensors in the order of forward's arguments, such as batch['input_ids']"
        raise InputError("example", kind, advice)
    if isinstance(example, str) or not isinstance(example, Sequence):
        raise InputError(
            "example", kind, "give an input of the module, with a batch axis, or several"
        )
    for k, tensor in enumerate(example):
        if not isinstance(tensor, torch.Tensor):
            kind = type(tensor).__name__
            raise InputError("example", f"input {k + 1}", f"is a {kind}; inputs are tensors")
    return list(example)


def examples(example: Any, batch: int | None) -> list[Tensor]:
    """The inputs to export on: one example, or a batch that is one datum."""
    if batch is not None and not (is_whole(batch) and batch >= 0):
        raise InputError("batch", batch, "give a number of examples, or 0 for no batch axis")
    tensors = tensors_of(example)
    if batch == 0:
        return tensors
    if any(not tensor.ndim for tensor in tensors):
        raise InputError("example", "a number", "give a batch axis in front, or batch=0")
    if any(not len(tensor) for tensor in tensors):
        raise InputError("example", "a batch of 0", "give one example at least")
    count = batch or 1
    return [tensor[:1].expand(count, *tensor.shape[1:]).contiguous() for tensor in tensors]


class _Result:
    """One reading of a graph."""

    def __init__(self, program: Program, constants: Constants) -> None:
        self.program = program
        self.constants = constants


class Reading:
    """A module as a graph, ready to be read.

    Attributes:
        found: the graph.
        output: the node of the output asked for.
        draws: the shapes of random numbers that are data, by the node that draws them.
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: list[Tensor],
        batch: int | None,
        tokens: int | None,
        output: str | int | None,
        *,
        random: bool = False,
    ) -> None:
        self.found = found = exported(module, inputs)
        self.draws = draws_of(found.graph) if random else {}
        self.inputs = inputs
        self.batch = batch
        self.tokens = _vocabulary(found, inputs, tokens)
        self.output = only_output(found.outputs, output)
        self.kind, self._module = type(module).__name__, module
        reached = ancestors(found.graph, self.output)
        for placeholder, name in found.changing.items():
            if placeholder in reached:
                advice = f"its buffer {name} changes with every forward: module.eval(), or leave it"
                raise InputError("module", self.kind, f"{advice} out")

    def run(self, *, eps: bool) -> _Result:
        """The program of the graph."""
        recording, constants, given = self.begin()
        drawn = {name: given[name] for name in self.draws}
        batched = bool(self.batch)
        context = Context(recording, constants, eps=eps, batched=batched, drawn=drawn)
        result = read_graph(self.found.graph, given, context)[self.output]
        if not isinstance(result, Var):
            raise InputError("output", self.output, "does not depend on the parameters")
        alone = self.batch is None and result.shape[:1] == (1,)
        shape = (result.shape[1:] if alone else result.shape) or (1,)
        result = result.reshape(*shape)
        return _Result(_pruned(recording, result.index, self.shapes), constants)

    def fault_of_gradient(self, program: Program) -> str:
        """What is wrong with the module's own backward, or ""."""
        masks = list(self.draws.values())
        if not masks_only(self.found.graph, self.draws):
            return ""  # it draws others than ours
        given = (self._module, self.found, self.output, program, self.inputs, self.tokens)
        return fault_of_gradient(*given, masks=masks)

    def require_gradient(self, program: Program) -> None:
        """Refuse a module whose backward is another function's."""
        if fault := self.fault_of_gradient(program):
            raise InputError("module", self.kind, fault)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the trainable parameters."""
        return {name: tuple(p.shape) or (1,) for name, p in self.found.parameters.items()}

    def begin(self) -> tuple[Recording, Constants, dict[str, Any]]:
        """An empty program, and what stands for the placeholders of the graph."""
        found = self.found
        recording = Recording(tuple(self.shapes.items()), (("x", self._input_shape()),))
        reached = ancestors(found.graph, self.output)
        frozen = {p: n for p, n in found.frozen.items() if p in reached}
        shapes = {name: tuple(found.constants[place].shape) for place, name in frozen.items()}
        constants = Constants(frozen=shapes)
        given: dict[str, Any] = dict(found.constants)
        for placeholder, name in found.names.items():
            held = recording.add("parameter", (), (name,))
            given[placeholder] = held.reshape(*found.parameters[name].shape)
        given |= dict(zip((*found.inputs, *self.draws), self._split(recording), strict=True))
        return recording, constants, given

    def network(
        self, spec: str, kind: str, made: _Result, without: TorchNetwork | None
    ) -> TorchNetwork:
        """The network of a reading."""
        used = {name for name, _ in made.program.parameters}
        return TorchNetwork(
            spec,
            made.program,
            module=kind,
            constants=made.constants.lines(),
            frozen=tuple(made.constants.frozen),
            tied=dict(self.found.tied),
            unused=tuple(name for name in self.found.parameters if name not in used),
            without_eps=without,
        )

    def _parts(self) -> list[tuple[int, ...]]:
        """The shape of each input, and of what is drawn, as part of one datum."""
        shapes = []
        for tensor in self.inputs:
            shape = tuple(tensor.shape[1:] if self.batch is None else tensor.shape)
            shapes.append(shape if tensor.is_floating_point() else (*shape, self.tokens))
        return [*shapes, *self.draws.values()]

    def _input_shape(self) -> tuple[int, ...]:
        parts = self._parts()
        if len(parts) == 1:
            return parts[0] or (1,)
        return (sum(map(prod, parts)),)  # several inputs, one after the other

    def _split(self, recording: Recording) -> list[Any]:
        x = recording.add("input", (), ("x",))
        parts, start = self._parts(), 0
        wholes = [*(tensor.shape for tensor in self.inputs), *self.draws.values()]
        real = [tensor.is_floating_point() for tensor in self.inputs] + [True] * len(self.draws)
        found: list[Any] = []
        for shape, whole, plain in zip(parts, wholes, real, strict=True):
            part = x
            if len(parts) > 1:
                part = x[start : start + prod(shape)]
                start += prod(shape)
            if plain:
                found.append(part.reshape(*whole))
            else:  # the place of the largest of V numbers is a token
                rows = part.reshape(*whole, self.tokens)
                found.append(Tokens(recording.add("argmax", (rows,), (len(rows.shape) - 1,))))
        return found


def _vocabulary(found: Exported, inputs: list[Tensor], tokens: int | None) -> int:
    """V, where inputs are token indices."""
    if all(tensor.is_floating_point() for tensor in inputs):
        if tokens is not None:
            raise InputError("tokens", tokens, "the inputs are no integers")
        return 0
    if tokens is not None:
        return tokens
    for node in found.graph.nodes:
        if str(node.target).startswith("aten.embedding."):
            return int(node.args[0].meta["val"].shape[0])
    raise InputError("tokens", "", "inputs are integers: say below what, tokens=V (--tokens V)")


def _pruned(recording: Recording, output: int, shapes: dict[str, tuple[int, ...]]) -> Program:
    """What the output is made from, and the parameters among it."""
    nodes = recording.nodes
    needed = {output}
    for index in range(output, -1, -1):
        if index in needed:
            needed.update(nodes[index].args)
    needed |= {i for i, node in enumerate(nodes) if node.op == "input"}
    kept = [index for index in range(len(nodes)) if index in needed]
    place = {index: k for k, index in enumerate(kept)}
    moved = tuple(
        type(nodes[i])(
            nodes[i].op, tuple(place[a] for a in nodes[i].args), nodes[i].data, nodes[i].shape
        )
        for i in kept
    )
    used = {node.data[0] for node in moved if node.op == "parameter"}
    if not used:
        raise InputError("module", "output", "does not depend on a trainable parameter")
    parameters = tuple((name, shape) for name, shape in shapes.items() if name in used)
    inputs = next(node.shape for node in moved if node.op == "input")
    return Program(parameters, (("x", inputs),), moved, place[output])
