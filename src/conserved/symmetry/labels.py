"""How a group that acts on inputs acts on their labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from conserved.arithmetic.scalars import Array, Scalars
from conserved.errors import InputError, nearest
from conserved.symmetry.group import Group, counted
from conserved.symmetry.orbit import Elements, act_on_inputs


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
        >>> from conserved.arithmetic.real import Reals
        >>> from conserved.symmetry import Negation, enumerate_group
        >>> pair = enumerate_group(Negation(2), Reals())
        >>> Invariant().act(pair, np.array([[3.0]]), Reals()).tolist()
        [[[3.0], [3.0]]]
    """

    name = "invariant"
    summary = "labels stay as they are"

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
                f"outputs have width {output_shape[-1]} but {group.name} acts on "
                f"{counted(group.dimension, 'coordinate')}; take outputs of width "
                f"{group.dimension}, or invariant or sign labels",
            )

    def act(self, elements: Elements, y: Array, scalars: Scalars) -> Array:
        return act_on_inputs(elements, y, scalars)


@final
class Sign(LabelAction):
    """g·y = ±y by the group's sign character (``Group.signs``).

    Example:
        >>> from conserved.arithmetic.real import Reals
        >>> from conserved.symmetry import Negation, enumerate_group
        >>> pair = enumerate_group(Negation(2), Reals())
        >>> Sign().act(pair, np.array([[3.0]]), Reals()).tolist()
        [[[3.0], [-3.0]]]
    """

    name = "sign"
    summary = "labels are multiplied by the group's sign character"

    def act(self, elements: Elements, y: Array, scalars: Scalars) -> Array:
        signs = scalars.from_integers(elements.signs)
        return scalars.mul(y[:, None], signs.reshape(-1, *(1,) * (y.ndim - 1)))


LABELS: dict[str, LabelAction] = {
    action.name: action for action in (Invariant(), Equivariant(), Sign())
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
    action = LABELS.get(text.strip())
    if action is None:
        raise InputError("labels", text, f"unknown; {nearest(text[:80], LABELS)}")
    return action
