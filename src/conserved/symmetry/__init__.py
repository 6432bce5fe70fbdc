"""Symmetries of the data: groups by generators, and how they act on inputs and labels."""

from conserved.symmetry.grammar import SYMMETRIES, Symmetry, parse_symmetry
from conserved.symmetry.group import CoordinateGroup, Group, PlaneGroup
from conserved.symmetry.labels import (
    LABELS,
    Equivariant,
    Invariant,
    LabelAction,
    Sign,
    parse_labels,
)
from conserved.symmetry.orbit import (
    ORBIT_LIMIT,
    Elements,
    Words,
    act_on_inputs,
    enumerate_group,
    enumerate_words,
    require_enumerable,
)
from conserved.symmetry.permutations import Hyperoctahedral, Permutation, Shift
from conserved.symmetry.plane import Dihedral, Rotation
from conserved.symmetry.signs import Negation, SignFlip, Trivial

__all__ = [
    "LABELS",
    "ORBIT_LIMIT",
    "SYMMETRIES",
    "CoordinateGroup",
    "Dihedral",
    "Elements",
    "Equivariant",
    "Group",
    "Hyperoctahedral",
    "Invariant",
    "LabelAction",
    "Negation",
    "Permutation",
    "PlaneGroup",
    "Rotation",
    "Shift",
    "Sign",
    "SignFlip",
    "Symmetry",
    "Trivial",
    "Words",
    "act_on_inputs",
    "enumerate_group",
    "enumerate_words",
    "parse_labels",
    "parse_symmetry",
    "require_enumerable",
]
