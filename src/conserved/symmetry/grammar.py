"""The text form of symmetries, declared as data.

The command-line grammar, ``conserved list symmetries`` and every error are made from
``SYMMETRIES``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conserved.errors import InputError, nearest, require_text
from conserved.registry import Registry
from conserved.symmetry.continuous import Orthogonal, SpecialOrthogonal
from conserved.symmetry.copies import Copies
from conserved.symmetry.file import FileGroup, group_from, read_group
from conserved.symmetry.grids import GridDihedral, GridFlip, GridGroup, GridRotation, GridShift
from conserved.symmetry.group import CoordinateGroup, DirectSum, Group, PlaneGroup, SpaceGroup
from conserved.symmetry.permutations import Hyperoctahedral, Permutation, Shift
from conserved.symmetry.plane import Dihedral, Rotation
from conserved.symmetry.signs import Negation, SignFlip, Trivial
from conserved.symmetry.sizes import counted
from conserved.symmetry.solids import Icosahedral, Octahedral, Tetrahedral

SPEC_LIMIT = 400  # characters; longer text is a mistake, not a symmetry
_DEPTH_LIMIT = 8  # of groups made from groups
_PLUS = "+ joins groups on features of their own, one after the other: permutation:4+none:2"
_COPIES = re.compile(r"([0-9]+)x(.*)", re.DOTALL)


@dataclass(frozen=True)
class Form:
    """A way to write a group.

    Attributes:
        name: what tells it apart.
        summary: what the group does, in a few words.
        usage: its grammar ("permutation[:N]", "rotation:K").
        example: a text that works on a fitting input.
    """

    name: str
    summary: str
    usage: str
    example: str


@dataclass(frozen=True)
class Symmetry(Form):
    """A named kind of group, ``name:NUMBERS``.

    Attributes:
        build: called with the numbers after the colon.
        argument: the letters for these numbers, "" for none ("N", "K", "HxW").
        meaning: what they mean.
        optional: whether the number may be left out; it is then the size of the input.
    """

    build: Callable[..., Group]
    argument: str = ""
    meaning: str = ""
    optional: bool = False


def _on_coordinates(leaf: type[CoordinateGroup]) -> Symmetry:
    usage, meaning = f"{leaf.word}[:N]", "the size of the input"
    return Symmetry(leaf.word, leaf.action, usage, leaf.word, leaf, "N", meaning, optional=True)


def _on_the_plane(leaf: type[PlaneGroup]) -> Symmetry:
    usage, meaning = f"{leaf.word}:K", "the number of rotations"
    return Symmetry(leaf.word, leaf.action, usage, f"{leaf.word}:5", leaf, "K", meaning)


def _in_space(leaf: type[SpaceGroup]) -> Symmetry:
    return Symmetry(leaf.word, leaf.action, leaf.word, leaf.word, leaf)


def _on_a_grid(leaf: type[GridGroup]) -> Symmetry:
    usage, meaning = f"{leaf.word}:HxW", "the height and width of the image"
    return Symmetry(leaf.word, leaf.action, usage, f"{leaf.word}:4x4", leaf, "HxW", meaning)


_OWN = {
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
        _in_space(Tetrahedral),
        _in_space(Octahedral),
        _in_space(Icosahedral),
        _on_coordinates(Orthogonal),
        _on_coordinates(SpecialOrthogonal),
        _on_a_grid(GridRotation),
        _on_a_grid(GridFlip),
        _on_a_grid(GridDihedral),
        _on_a_grid(GridShift),
    )
}
_COMPOUND = {
    form.name: form
    for form in (
        Form(
            "sum",
            "independent groups on consecutive coordinates",
            "SYMMETRY+SYMMETRY…",
            "permutation:4+none:2",
        ),
        Form("copies", "one group on several copies at once", "COUNTxSYMMETRY", "2xpermutation:5"),
        Form("file", "matrices that generate a group", "FILE.json", "group.json"),
    )
}
_NAMED: Registry[Symmetry] = Registry("symmetries", Symmetry, _OWN)


class _Forms(Mapping[str, Form]):
    """Groups by name, then the ways to make groups from others."""

    def __getitem__(self, name: str) -> Form:
        return _COMPOUND[name] if name in _COMPOUND else _NAMED[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*_NAMED, *_COMPOUND))

    def __len__(self) -> int:
        return len(_NAMED) + len(_COMPOUND)


SYMMETRIES: Mapping[str, Form] = _Forms()
Files = Mapping[str, dict[str, Any]]  # contents of group files by path


def parse_symmetry(text: str, dimension: int, files: Files | None = None) -> Group:
    """Build the group that a text such as ``rotation:5`` names.

    Copies bind tighter than sums; parentheses group: ``2x(permutation:4+none:1)``.

    Args:
        text: as typed.
        dimension: the size of the input, or of each token's features.
        files: what group files hold (``files_of``); when given, nothing is read from disk.

    Raises:
        InputError: unknown name, a bad or missing number, a group that does not fit the input, or
            an unusable file.
        LimitError: a number too large for matrices or orbits.

    Example:
        >>> parse_symmetry("permutation", 4)
        Permutation(dimension=4)
        >>> parse_symmetry("2xrotation:3+none:1", 5)
        DirectSum(Copies(count=2, group=Rotation(k=3)), Trivial(dimension=1))
        >>> parse_symmetry("permutation:4", 3)
        Traceback (most recent call last):
        conserved.errors.InputError: symmetry 'permutation:4': acts on 4 coordinates but the input \
has 3 features
    """
    text = require_text("symmetry", text, "permutation:4").strip()
    if len(text) > SPEC_LIMIT:
        raise InputError("symmetry", text, f"longer than {SPEC_LIMIT} characters")
    group = _build(text, dimension, files)
    if group.dimension != dimension:
        advice = (
            f"acts on {counted(group.dimension, 'coordinate')} but the input has "
            f"{counted(dimension, 'feature')}"
        )
        advice += f"; {_PLUS}" if isinstance(group, DirectSum) else ""
        raise InputError("symmetry", text, advice)
    return group


def files_of(group: Group) -> dict[str, dict[str, Any]]:
    """What the files hold that a group was read from, so that its name builds it without them."""
    if isinstance(group, FileGroup):
        return {group.source: group.document()}
    if isinstance(group, DirectSum):
        return {path: file for part in group.parts for path, file in files_of(part).items()}
    return files_of(group.group) if isinstance(group, Copies) else {}


def _build(text: str, dimension: int | None, files: Files | None, depth: int = 0) -> Group:
    """The group of a text, or of a part of one; its size, where left out, is ``dimension``."""
    text = text.strip()
    if depth > _DEPTH_LIMIT:
        raise InputError("symmetry", text, f"nested more than {_DEPTH_LIMIT} deep")
    parts = _split(text)
    if len(parts) > 1:
        if not all(part.strip() for part in parts):
            raise InputError("symmetry", text, f"nothing stands beside a +; {_PLUS}")
        return DirectSum(*(_build(part, None, files, depth + 1) for part in parts))
    if copies := _COPIES.fullmatch(text):
        count = _positive(copies[1])
        if count is None:
            raise InputError("symmetry", text, "usage COUNTxSYMMETRY, such as 2xpermutation:5")
        # where the input is no whole number of copies, the mismatch is reported by its sizes
        each = None if dimension is None else max(dimension // count, 1)
        return Copies(count, _build(copies[2], each, files, depth + 1))
    if text.startswith("(") and text.endswith(")"):
        return _build(text[1:-1], dimension, files, depth + 1)
    if not text.endswith(".json"):
        return _named(text, dimension)
    if files is None:
        return read_group(text)
    if text not in files:
        raise InputError("symmetry", text, "its matrices are not given, and no file is read here")
    return group_from(text, files[text])


def _split(text: str) -> list[str]:
    """The parts between plus signs outside parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
        if character == "+" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if depth:
        raise InputError("symmetry", text, "its parentheses do not match")
    return parts


def _named(text: str, dimension: int | None) -> Group:
    """A group by its name and numbers."""
    name, colon, argument = text.partition(":")
    symmetry = _NAMED.get(name)
    if symmetry is None:
        raise InputError("symmetry", text, f"unknown name; {nearest(name, _NAMED)}")
    if not colon and not symmetry.argument:
        return symmetry.build()
    if not colon and symmetry.optional:
        if dimension is None:
            advice = f"a part of a sum needs its size, as in {name}:4; {_PLUS}"
            raise InputError("symmetry", text, advice)
        return symmetry.build(dimension)
    numbers = [_positive(number) for number in argument.split("x")]
    wanted = symmetry.argument.split("x") if symmetry.argument else []
    if len(numbers) != len(wanted) or None in numbers:
        raise InputError("symmetry", text, _usage(symmetry))
    return symmetry.build(*numbers)


def _usage(symmetry: Symmetry) -> str:
    if not symmetry.argument:
        return f"usage {symmetry.usage}; it takes no number"
    what = f"usage {symmetry.usage}, where {symmetry.argument}, {symmetry.meaning},"
    if symmetry.argument == "HxW":
        return f"{what} are two positive whole numbers"
    return f"{what} is a positive whole number"


def _positive(text: str) -> int | None:
    """A positive whole number in ASCII digits, else None."""
    # isdigit alone would let other scripts' digits through
    plain = text.isascii() and text.isdigit()
    return int(text) or None if plain else None
