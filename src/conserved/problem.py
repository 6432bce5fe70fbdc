"""The four inputs of the question, validated together: network, loss, data class, flow."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import lcm, prod

from conserved.data import Inputs, parse_inputs
from conserved.deprecation import renamed_argument, warn
from conserved.dynamics import Dynamics, Gradient, parse_flow
from conserved.errors import InputError
from conserved.kernel import flow as flows
from conserved.kernel.data import DataClass
from conserved.kernel.law import Origin
from conserved.kernel.statement import fault_of_class, fault_of_orbits
from conserved.law.layout import Layout
from conserved.losses import Loss, MeanSquaredError, parse_loss
from conserved.networks import Network, parse_network
from conserved.symmetry import (
    Files,
    Group,
    Invariant,
    LabelAction,
    Trivial,
    parse_labels,
    parse_symmetry,
)


@dataclass(frozen=True)
class Problem:
    """What is trained, on which loss, on which class of data, by which dynamics (theory §1).

    Args:
        network: the map (θ, x) ↦ f(θ, x).
        loss: defaults to mean squared error.
        symmetry: the group whose orbits make up every dataset; ``None`` means all data.
        labels: how the group acts on labels; by default not at all.
        flow: defaults to gradient flow.
        inputs: which inputs and labels datasets have, where that is no matter of a group: such as
            ``data.one_hot((4,))`` or ``data.points(rows)``; ``None`` means all.

    Raises:
        InputError: when two of them do not fit, naming both sides.

    Example:
        >>> from conserved.networks import Linear
        >>> from conserved.symmetry import Permutation
        >>> Problem(network=Linear(4, 2, 1), symmetry=Permutation(4)).symmetric
        True
    """

    network: Network
    loss: Loss = field(default_factory=MeanSquaredError)
    symmetry: Group | None = None
    labels: LabelAction = field(default_factory=Invariant)
    flow: Dynamics = field(default_factory=Gradient)
    inputs: Inputs | None = None

    def __post_init__(self) -> None:
        _require(self.network, Network, "network", "a network such as networks.Linear(4, 2, 1)")
        _require(self.loss, Loss, "loss", "a loss such as losses.MeanSquaredError()")
        _require(self.labels, LabelAction, "labels", "an action such as symmetry.Invariant()")
        _require(self.flow, Dynamics, "flow", "a flow such as dynamics.Momentum()")
        self.loss.check(self.network.output_shape)
        restricted = self.symmetry is not None or self.inputs is not None
        # ``moves`` refuses tensors that the network does not have
        fault = fault_of_class(self.network.program, self.loss, self.moves, restricted=restricted)
        if fault:
            raise InputError("flow", self.flow.name, fault)
        if self.inputs is not None:
            self._check_inputs(self.inputs)
        if self.symmetry is None:
            if not isinstance(self.labels, Invariant):
                advice = "there is no symmetry for labels to follow; name one, or leave labels out"
                raise InputError("labels", self.labels.name, advice)
            return
        _require(
            self.symmetry, Group, "symmetry", "a group such as symmetry.Permutation(4), or None"
        )
        features = self.network.input_shape[-1]
        if self.symmetry.dimension != features:
            raise InputError(
                "symmetry",
                self.symmetry.name,
                f"acts on {self.symmetry.dimension} coordinates, but the input of "
                f"{self.network.spec} has {features} features",
            )
        self.labels.check(self.symmetry, self.network.output_shape)
        if self.loss.one_hot:
            self.labels.check_classes(self.symmetry, self.network.output_shape[-1], self.loss.spec)

    def _check_inputs(self, inputs: Inputs) -> None:
        network = self.network
        _require(inputs, Inputs, "inputs", "inputs such as data.points([[1, 0], [0, 1]]), or None")
        if self.symmetry is not None and not self.symmetry.trivial:
            order = int(self.symmetry.order) if self.symmetry.finite else None
            fault = fault_of_orbits(inputs.stated, order)
            if not fault and inputs.autoencoding and self.labels.name != "equivariant":
                fault = "labels are inputs, so they move along; take equivariant labels"
            if fault:
                told = f"{inputs.name}' under '{self.symmetry.name}"
                raise InputError("inputs", told, fault)
        inputs.check(network.spec, network.input_shape, network.output_shape, self.loss)

    @property
    def data(self) -> Group | None:
        """The old name of ``symmetry``."""
        warn("Problem.data", "Problem.symmetry")
        return self.symmetry

    @property
    def group(self) -> Group:
        """The group, trivial for all data."""
        return Trivial(self.network.input_shape[-1]) if self.symmetry is None else self.symmetry

    @property
    def roots(self) -> int:
        """k such that group and network are exact over GF(p) for p ≡ 1 mod 4k."""
        return lcm(self.group.roots, self.network.program.roots)

    @property
    def symmetric(self) -> bool:
        """Whether data are closed under a group."""
        return not self.group.trivial

    @property
    def restricted(self) -> bool:
        """Whether the data class is smaller than all data."""
        return self.symmetric or self.inputs is not None

    @property
    def stated(self) -> DataClass | None:
        """Its inputs and labels as exact numbers, where they are no matter of a group."""
        return None if self.inputs is None else self.inputs.stated

    @property
    def class_name(self) -> str:
        """The class of data, as typed."""
        if self.inputs is None or not self.symmetric:
            return self.group.name if self.inputs is None else self.inputs.name
        return f"{self.inputs.name}, {self.group.name}"

    @property
    def class_words(self) -> str:
        """The class of data, in words."""
        if self.inputs is None or not self.symmetric:
            return self.group.describe() if self.inputs is None else self.inputs.summary
        return f"orbits of {self.inputs.summary}; {self.group.describe()}"

    @property
    def origin(self) -> Origin:
        """What laws are due to that all data do not have."""
        return "data" if self.inputs is not None else "data symmetry"

    @cached_property
    def moves(self) -> flows.Flow:
        """What the flow makes of pulls on θ, and of time."""
        return self.flow.flow(self.network.program.parameters)

    @cached_property
    def state(self) -> Layout:
        """What laws are functions of: θ, and velocities and time where the flow has them."""
        return Layout(self.moves.state(self.network.program.parameters))

    def architecture(self) -> Problem:
        """The same network and loss on all data: what a smaller class has to be compared with."""
        return replace(self, symmetry=None, labels=Invariant(), inputs=None)

    def to_json(self) -> dict[str, str]:
        """The texts that build it again with ``Problem.from_text``."""
        given = {} if self.inputs is None else {"inputs": self.inputs.name}
        return {
            "network": self.network.spec,
            "loss": self.loss.spec,
            "symmetry": self.group.name,
            "labels": self.labels.name,
            "flow": self.flow.name,
            **given,
        }

    @classmethod
    def from_text(
        cls,
        network: str,
        *,
        loss: str = "mse",
        symmetry: str = "none",
        labels: str = "invariant",
        flow: str = "gradient",
        inputs: str | None = None,
        samples: str | None = None,
        autoencoding: bool = False,
        files: Files | None = None,
    ) -> Problem:
        """Build a problem from the texts of the command line.

        Args:
            network, loss, symmetry, labels, flow, inputs, samples: as typed.
            autoencoding: whether every input is its own label.
            files: what group files hold (``symmetry.files_of``); with it, no file is read.

        Example:
            >>> Problem.from_text("linear:4-2-1", symmetry="permutation").to_json()["symmetry"]
            'permutation'
        """
        built = parse_network(network)
        return cls.around(
            built,
            loss=loss,
            symmetry=symmetry,
            labels=labels,
            flow=flow,
            inputs=inputs,
            samples=samples,
            autoencoding=autoencoding,
            files=files,
        )

    @classmethod
    def around(
        cls,
        network: Network,
        *,
        loss: str = "mse",
        symmetry: str = "none",
        labels: str = "invariant",
        flow: str = "gradient",
        inputs: str | None = None,
        samples: str | None = None,
        autoencoding: bool = False,
        files: Files | None = None,
    ) -> Problem:
        """Build a problem on any network from the texts of the command line.

        Example:
            >>> from conserved.networks import Linear
            >>> Problem.around(Linear(4, 2, 1), loss="poly:3").loss.spec
            'poly:3'
        """
        _require(network, Network, "network", "a network such as networks.Linear(4, 2, 1)")
        group = parse_symmetry(symmetry, network.input_shape[-1], files)
        return cls(
            network=network,
            loss=parse_loss(loss),
            symmetry=None if symmetry.strip() == "none" else group,
            labels=parse_labels(labels),
            flow=parse_flow(flow),
            inputs=parse_inputs(
                inputs, samples, autoencoding, network.input_shape, prod(network.output_shape)
            ),
        )


Problem.__init__ = renamed_argument("data", "symmetry")(Problem.__init__)  # type: ignore[method-assign]


def _require(value: object, kind: type, argument: str, advice: str) -> None:
    if not isinstance(value, kind):
        raise InputError(argument, value, f"give {advice}")
