"""The text form of symmetries, declared as data.

The command-line grammar, ``conserved list symmetries`` and every error are made from
``SYMMETRIES``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conserved.errors import InputError, nearest
from conserved.symmetry.group import CoordinateGroup, Group, PlaneGroup, counted
from conserved.symmetry.permutations import Hyperoctahedral, Permutation, Shift
from conserved.symmetry.plane import Dihedral, Rotation
from conserved.symmetry.signs import Negation, SignFlip, Trivial

SPEC_LIMIT = 400  # characters; longer text is a mistake, not a symmetry


@dataclass(frozen=True)
class Symmetry:
    """A named kind of group: its text form and how to build it.

    Args:
        name: what stands before the colon.
        summary: what the group does, in a few words.
        build: called with the number after the colon.
        argument: the letter for that number ("N" or "K").
        meaning: what the number means.
        optional: whether the number may be left out; it is then the size of the input.
    """

    name: str
    summary: str
    build: Callable[[int], Group]
    argument: str
    meaning: str
    optional: bool

    @property
    def usage(self) -> str:
        """Its grammar ("permutation[:N]", "rotation:K")."""
        number = f":{self.argument}"
        return f"{self.name}[{number}]" if self.optional else f"{self.name}{number}"

    @property
    def example(self) -> str:
        """A text that works on a fitting input."""
        return self.name if self.optional else f"{self.name}:5"


def _on_coordinates(leaf: type[CoordinateGroup]) -> Symmetry:
    return Symmetry(leaf.word, leaf.action, leaf, "N", "the size of the input", optional=True)


def _on_the_plane(leaf: type[PlaneGroup]) -> Symmetry:
    return Symmetry(leaf.word, leaf.action, leaf, "K", "the number of rotations", optional=False)


SYMMETRIES: dict[str, Symmetry] = {
    symmetry.name: symmetry
    for symmetry in (
        _on_coordinates(Trivial),
        _on_coordinates(Negation),
        _on_coordinates(SignFlip),
        _on_coordinates(Permutation),
        _on_coordinates(Shift),
        _on_coordinates(Hyperoctahedral),
        _on_the_plane(Rotation),
        _on_the_plane(Dihedral),
    )
}


def parse_symmetry(text: str, dimension: int) -> Group:
    """Build the group that a text such as ``rotation:5`` names.

    Args:
        text: as typed.
        dimension: the size of the input, or of each token's features.

    Raises:
        InputError: unknown name, a bad or missing number, or a group that does not fit the input.
        LimitError: a number too large for matrices or orbits.

    Example:
        >>> parse_symmetry("permutation", 4)
        Permutation(dimension=4)
        >>> parse_symmetry("permutation:4", 3)
        Traceback (most recent call last):
        conserved.errors.InputError: symmetry 'permutation:4': acts on 4 coordinates but the input \
has 3 features
    """
    text = text.strip()
    if len(text) > SPEC_LIMIT:
        raise InputError("symmetry", text, f"longer than {SPEC_LIMIT} characters")
    name, colon, argument = text.partition(":")
    symmetry = SYMMETRIES.get(name)
    if symmetry is None:
        raise InputError("symmetry", text, f"unknown name; {nearest(name, SYMMETRIES)}")
    group = symmetry.build(_number(text, symmetry, argument if colon else None, dimension))
    if group.dimension != dimension:
        raise InputError(
            "symmetry",
            text,
            f"acts on {counted(group.dimension, 'coordinate')} but the input has "
            f"{counted(dimension, 'feature')}",
        )
    return group


def _number(text: str, symmetry: Symmetry, argument: str | None, dimension: int) -> int:
    """The number after the colon, or the size of the input where it may be left out."""
    if argument is None and symmetry.optional:
        return dimension
    # isdigit alone would let other scripts' digits through
    if argument is None or not (argument.isascii() and argument.isdigit()) or not int(argument):
        raise InputError(
            "symmetry",
            text,
            f"usage {symmetry.usage}, where {symmetry.argument}, {symmetry.meaning}, "
            "is a positive whole number",
        )
    return int(argument)
