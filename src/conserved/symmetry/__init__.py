"""Symmetries of the data: groups by generators, and how they act on inputs and labels."""

from conserved.symmetry.cayley import ORBIT_LIMIT, Words, order_over
from conserved.symmetry.continuous import Orthogonal, SpecialOrthogonal
from conserved.symmetry.copies import Copies
from conserved.symmetry.file import FileGroup, read_group
from conserved.symmetry.grammar import SYMMETRIES, Files, Form, Symmetry, files_of, parse_symmetry
from conserved.symmetry.grids import GridDihedral, GridFlip, GridGroup, GridRotation, GridShift
from conserved.symmetry.group import (
    UNKNOWN_ORDER,
    CoordinateGroup,
    DirectSum,
    Group,
    PlaneGroup,
    SpaceGroup,
)
from conserved.symmetry.labels import (
    LABELS,
    Equivariant,
    Invariant,
    LabelAction,
    Represented,
    Sign,
    parse_labels,
)
from conserved.symmetry.orbit import (
    Elements,
    act_on_inputs,
    enumerate_group,
    enumerate_words,
    require_enumerable,
)
from conserved.symmetry.permutations import Hyperoctahedral, Permutation, Shift
from conserved.symmetry.plane import Dihedral, Rotation
from conserved.symmetry.signs import Negation, SignFlip, Trivial
from conserved.symmetry.solids import Icosahedral, Octahedral, Tetrahedral

__all__ = [
    "LABELS",
    "ORBIT_LIMIT",
    "SYMMETRIES",
    "UNKNOWN_ORDER",
    "CoordinateGroup",
    "Copies",
    "Dihedral",
    "DirectSum",
    "Elements",
    "Equivariant",
    "FileGroup",
    "Files",
    "Form",
    "GridDihedral",
    "GridFlip",
    "GridGroup",
    "GridRotation",
    "GridShift",
    "Group",
    "Hyperoctahedral",
    "Icosahedral",
    "Invariant",
    "LabelAction",
    "Negation",
    "Octahedral",
    "Orthogonal",
    "Permutation",
    "PlaneGroup",
    "Represented",
    "Rotation",
    "Shift",
    "Sign",
    "SignFlip",
    "SpaceGroup",
    "SpecialOrthogonal",
    "Symmetry",
    "Tetrahedral",
    "Trivial",
    "Words",
    "act_on_inputs",
    "enumerate_group",
    "enumerate_words",
    "files_of",
    "order_over",
    "parse_labels",
    "parse_symmetry",
    "read_group",
    "require_enumerable",
]
