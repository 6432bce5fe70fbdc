"""How a group that acts on inputs acts on their labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from conserved.errors import InputError, nearest, require_text
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.group import Group
from conserved.symmetry.orbit import Elements, act_on_inputs
from conserved.symmetry.sizes import counted, shortened


@dataclass(frozen=True)
class LabelAction(ABC):
    """The label g·y that goes with the input g·x.

    Law every action obeys: it is linear in y and (gh)·y = g·(h·y).

    Attributes:
        name: its text form.
        summary: what it does, in a few words.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    def check(  # noqa: B027  (most actions fit every output)
        self, group: Group, output_shape: tuple[int, ...]
    ) -> None:
        """Refuse outputs that cannot carry the action.

        Raises:
            InputError: with both sizes named.
        """

    @abstractmethod
    def matrices(self, group: Group, scalars: Scalars, m: int) -> Array:
        """What each generator of the group does to labels, (g, m, m).

        Args:
            group: with g generators.
            scalars: over GF(p), p ≡ 1 mod 4·``group.roots``.
            m: the width of the outputs, their last axis, on which labels are moved.
        """

    @abstractmethod
    def infinitesimal(self, group: Group, scalars: Scalars, m: int) -> Array:
        """What each infinitesimal generator does to labels, (h, m, m), antisymmetric."""

    def check_classes(self, group: Group, outputs: int, loss: str) -> None:
        """Refuse actions that do not permute classes, for losses whose labels are one-hot.

        Raises:
            InputError: naming the labels, the loss and the group.
        """
        scalars = Reals()
        matrices = self.matrices(group, scalars, outputs)
        turning = self.infinitesimal(group, scalars, outputs)
        if ((matrices != 0) & (matrices != 1)).any() or turning.any():
            raise InputError(
                "labels",
                self.name,
                f"{loss} has classes as labels, and {group.name} does not permute them this way; "
                "take invariant labels",
            )

    @abstractmethod
    def act(self, elements: Elements, y: Array, scalars: Scalars) -> Array:
        """The orbit of every label.

        Args:
            elements: G elements of the group.
            y: (B, *output), in these scalars.
            scalars: those of ``elements``.

        Returns:
            Shape (B, G, *output); it may be a read-only view of ``y``.
        """


@final
class Invariant(LabelAction):
    """g·y = y: an image and its rotated copy have the same label.

    Example:
        >>> from conserved.kernel.real import Reals
        >>> from conserved.symmetry import Negation, enumerate_group
        >>> pair = enumerate_group(Negation(2), Reals())
        >>> Invariant().act(pair, np.array([[3.0]]), Reals()).tolist()
        [[[3.0], [3.0]]]
    """

    name = "invariant"
    summary = "labels stay as they are"

    def matrices(self, group: Group, scalars: Scalars, m: int) -> Array:
        return _multiples([1] * len(group.signs), scalars, m)

    def infinitesimal(self, group: Group, scalars: Scalars, m: int) -> Array:
        return _multiples([0] * group.infinitesimal_count, scalars, m)

    def act(self, elements: Elements, y: Array, scalars: Scalars) -> Array:
        return np.broadcast_to(y[:, None], (len(y), len(elements.signs), *y.shape[1:]))


@final
class Equivariant(LabelAction):
    """g·y = y gᵀ: labels move by the same matrices as inputs, so the widths must match.

    Example:
        >>> from conserved.symmetry import Permutation
        >>> Equivariant().check(Permutation(4), (1,))
        Traceback (most recent call last):
        conserved.errors.InputError: labels 'equivariant': outputs have width 1 but permutation \
acts on 4 coordinates; take outputs of width 4, or invariant or sign labels
    """

    name = "equivariant"
    summary = "labels move by the same matrices as inputs"

    def check(self, group: Group, output_shape: tuple[int, ...]) -> None:
        if output_shape[-1] != group.dimension:
            raise InputError(
                "labels",
                self.name,
                f"outputs have width {output_shape[-1]} but {shortened(group.name)} acts on "
                f"{counted(group.dimension, 'coordinate')}; take outputs of width "
                f"{group.dimension}, or invariant or sign labels",
            )

    def matrices(self, group: Group, scalars: Scalars, m: int) -> Array:
        return group.generators(scalars)

    def infinitesimal(self, group: Group, scalars: Scalars, m: int) -> Array:
        return group.infinitesimal(scalars)

    def act(self, elements: Elements, y: Array, scalars: Scalars) -> Array:
        return act_on_inputs(elements, y, scalars)


@final
class Sign(LabelAction):
    """g·y = ±y by the group's sign character (``Group.signs``).

    Example:
        >>> from conserved.kernel.real import Reals
        >>> from conserved.symmetry import Negation, enumerate_group
        >>> pair = enumerate_group(Negation(2), Reals())
        >>> Sign().act(pair, np.array([[3.0]]), Reals()).tolist()
        [[[3.0], [-3.0]]]
    """

    name = "sign"
    summary = "labels are multiplied by the group's sign character"

    def matrices(self, group: Group, scalars: Scalars, m: int) -> Array:
        return _multiples(group.signs, scalars, m)

    def infinitesimal(self, group: Group, scalars: Scalars, m: int) -> Array:
        # a character with values ±1 is constant along a one-parameter group
        return _multiples([0] * group.infinitesimal_count, scalars, m)

    def act(self, elements: Elements, y: Array, scalars: Scalars) -> Array:
        signs = scalars.from_integers(elements.signs)
        return scalars.mul(y[:, None], signs.reshape(-1, *(1,) * (y.ndim - 1)))


@final
class Represented(LabelAction):
    """g·y = y ρ(g)ᵀ with the second representation ρ that a file of generators brings.

    Example:
        >>> from conserved.symmetry import Permutation
        >>> Represented().check(Permutation(4), (1,))
        Traceback (most recent call last):
        conserved.errors.InputError: labels 'file': permutation brings no matrices for labels; \
take a JSON file of generators that has "labels", one for each
    """

    name = "file"
    summary = "labels move by the label matrices of the file"

    def check(self, group: Group, output_shape: tuple[int, ...]) -> None:
        matrices = group.label_matrices(Reals())
        if matrices is None:
            raise InputError(
                "labels",
                self.name,
                f"{shortened(group.name)} brings no matrices for labels; take a JSON file of "
                'generators that has "labels", one for each',
            )
        width = matrices[0].shape[-1]
        if output_shape[-1] != width:
            raise InputError(
                "labels",
                self.name,
                f"outputs have width {output_shape[-1]} but the label matrices of "
                f"{shortened(group.name)} have size {width}; take outputs of width {width}",
            )

    def matrices(self, group: Group, scalars: Scalars, m: int) -> Array:
        return self._both(group, scalars)[0]

    def infinitesimal(self, group: Group, scalars: Scalars, m: int) -> Array:
        return self._both(group, scalars)[1]

    def act(self, elements: Elements, y: Array, scalars: Scalars) -> Array:
        if elements.labels is None:
            raise ValueError("the group of these elements brings no matrices for labels")
        return act_on_inputs(Elements(elements.labels, elements.signs), y, scalars)

    def _both(self, group: Group, scalars: Scalars) -> tuple[Array, Array]:
        matrices = group.label_matrices(scalars)
        if matrices is None:
            raise ValueError(f"{group.name} brings no matrices for labels")
        return matrices


LABELS: dict[str, LabelAction] = {
    action.name: action for action in (Invariant(), Equivariant(), Sign(), Represented())
}


def parse_labels(text: str) -> LabelAction:
    """The action on labels of that name.

    Raises:
        InputError: when there is none.

    Example:
        >>> parse_labels("sign")
        Sign()
        >>> parse_labels("equivarant")
        Traceback (most recent call last):
        conserved.errors.InputError: labels 'equivarant': unknown; did you mean 'equivariant'?
    """
    action = LABELS.get(require_text("labels", text, "equivariant").strip())
    if action is None:
        raise InputError("labels", text, f"unknown; {nearest(text[:80], LABELS)}")
    return action


def _multiples(factors: Sequence[int], scalars: Scalars, m: int) -> Array:
    """Multiples of the identity matrix of size m, (factors, m, m)."""
    column = np.array(factors, dtype=np.int64).reshape(-1, 1, 1)
    return scalars.from_integers(column * np.eye(m, dtype=np.int64))
