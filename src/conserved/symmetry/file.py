"""Groups from JSON files of generating matrices.

The file is an object::

    {"schema": "conserved.group/1",
     "name": "fivefold rotations",                                optional
     "generators": [[["cos(2*pi/5)", "-sin(2*pi/5)"], ["sin(2*pi/5)", "cos(2*pi/5)"]]],
     "infinitesimal": [[[0, -1], [1, 0]]],                        optional
     "labels": [[[1]]],                                           optional
     "label_infinitesimal": [[[0]]]}                              optional

Generators are orthogonal, infinitesimal ones antisymmetric. Labels move by the second
representation, one label matrix for each generator. Decimals count as the fractions they are, so
rounded matrices are refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf, lcm
from pathlib import Path
from typing import Any, NoReturn, final

import numpy as np

from conserved.errors import InputError, nearest, require_text
from conserved.kernel.entries import ROOTS_LIMIT, EntryError, entry
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.cayley import exponent_of_words, order_by_closure
from conserved.symmetry.group import Group
from conserved.symmetry.presentation import Matrices
from conserved.symmetry.representation import require_representation
from conserved.symmetry.sizes import counted, readable, shortened

SCHEMA = "conserved.group/1"
_BYTES_LIMIT = 10**6
_SIZE_LIMIT = 512
_COUNT_LIMIT = 64
_SPLIT_LIMIT = 128  # coordinates up to which orders of products are worked out
_LISTS = {  # key: what a message calls one of its matrices
    "generators": "generator",
    "infinitesimal": "infinitesimal generator",
    "labels": "label matrix",
    "label_infinitesimal": "infinitesimal label matrix",
}
_KEYS = ("schema", "name", *_LISTS)


@final
@dataclass(frozen=True)
class FileGroup(Group):
    """The group that the matrices of a file generate. The sign is the determinant.

    Made by ``read_group``. The order of a group without infinitesimal generators is found by
    listing its elements, and is ``UNKNOWN_ORDER`` where these are too many; such a group has no
    explicit orbits, but its invariants are those of its generators all the same.

    Attributes:
        source: the path, as given.
        title: the name the file gives it, or "".
        moves: the generators.
        turns: the infinitesimal generators.
        label_moves: the second representation on each generator, or None.
        label_turns: and on each infinitesimal one.
    """

    dimension: int = field(init=False)
    source: str
    title: str
    moves: Matrices = field(repr=False)
    turns: Matrices = field(repr=False)
    label_moves: Matrices | None = field(repr=False, default=None)
    label_turns: Matrices | None = field(repr=False, default=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", self.moves.size)

    @property
    def name(self) -> str:
        return self.source

    def generators(self, scalars: Scalars) -> Array:
        return self.moves.evaluate(scalars)

    def infinitesimal(self, scalars: Scalars) -> Array:
        return self.turns.evaluate(scalars)

    @property
    def infinitesimal_count(self) -> int:
        return len(self.turns)

    def label_matrices(self, scalars: Scalars) -> tuple[Array, Array] | None:
        if self.label_moves is None or self.label_turns is None:
            return None
        return self.label_moves.evaluate(scalars), self.label_turns.evaluate(scalars)

    @cached_property
    def signs(self) -> tuple[int, ...]:
        # orthogonality is proved, so a determinant is ±1 and rounding finds which
        determinants = np.linalg.det(self.moves.evaluate(Reals()))
        return tuple(int(value) for value in np.rint(determinants))

    @cached_property
    def order(self) -> int | float:
        return inf if len(self.turns) else order_by_closure(self)

    @cached_property
    def roots(self) -> int:
        lists = (self.moves, self.turns, self.label_moves, self.label_turns)
        return lcm(*(matrices.roots for matrices in lists if matrices is not None))

    @cached_property
    def splitting(self) -> int:
        # roots of unity of the order of the exponent split a finite group (Brauer)
        if len(self.turns) or self.dimension > _SPLIT_LIMIT:
            return self.roots
        order = lcm(self.roots, exponent_of_words(self))
        return order if order <= ROOTS_LIMIT else self.roots

    def document(self) -> dict[str, Any]:
        """The JSON object that ``group_from`` makes this group of, numbers as texts."""
        lists = (self.moves, self.turns, self.label_moves, self.label_turns)
        kept = zip(_LISTS, lists, strict=True)
        matrices = {key: _as_lists(found.texts) for key, found in kept if found is not None}
        return {"schema": SCHEMA, "name": self.title, **matrices}

    def describe(self) -> str:
        size = counted(self.dimension, "coordinate")
        return f"{self.title or 'matrices from a file'}, {size}, {counted(self.order, 'element')}"


def read_group(source: str) -> FileGroup:
    """Read a group from a JSON file; the module's description has the format.

    Raises:
        InputError: an unusable path or file, or matrices that are not what they should be, with
            which one and how far off it is.
    """
    require_text("symmetry", source, "group.json, the path of a file")
    # the path is part of the grammar of symmetries, and has to be read back as one
    if re.search(r"[+()]|^\d+x|^\s|\s$", source) or not source.isprintable():
        _refuse(source, "the path of a group file has no + or ( ), and does not begin like '2x'")
    return group_from(source, _load(source))


def group_from(source: str, document: dict[str, Any]) -> FileGroup:
    """The group of a JSON object that is known already; ``FileGroup.document`` makes such objects.

    Args:
        source: what the group is called in texts, usually a path.
        document: the object; numbers in it are texts.

    Raises:
        InputError: as ``read_group``.
    """
    unknown = sorted(set(document) - set(_KEYS))
    if unknown:
        _refuse(source, f"unknown key '{_printable(unknown[0])}'; {nearest(unknown[0], _KEYS)}")
    if document.get("schema") != SCHEMA:
        _refuse(source, f'its "schema" is not "{SCHEMA}"')
    title = document.get("name", "")
    if not isinstance(title, str) or len(title) > 80 or not title.isprintable():
        _refuse(source, '"name" is one line of at most 80 characters')
    try:
        return _checked(source, title, {key: document.get(key, []) for key in _LISTS})
    except EntryError as err:
        raise InputError("symmetry", source, str(err)) from err


def _load(source: str) -> dict[str, Any]:
    """The JSON object in the file, numbers left as the texts they are."""
    path = Path(source)
    try:
        # a pipe or a device would be read for ever
        if not path.is_file():
            _refuse(source, "no such file" if not path.exists() else "not a file")
        with path.open("rb") as stream:
            content = stream.read(_BYTES_LIMIT + 1)
        if len(content) > _BYTES_LIMIT:
            _refuse(source, f"longer than {_BYTES_LIMIT:,} bytes")
        document = json.loads(
            content.decode(), parse_int=str, parse_float=str, parse_constant=_no_constant
        )
    except OSError as err:
        _refuse(source, f"cannot be read: {err.strerror}")
    except json.JSONDecodeError as err:
        _refuse(source, f"no JSON: {err.msg} at line {err.lineno}, column {err.colno}")
    except (UnicodeDecodeError, RecursionError):
        _refuse(source, "no JSON in UTF-8 of reasonable depth")
    if not isinstance(document, dict):
        _refuse(source, f'a JSON object with "schema" and "generators" is needed ({SCHEMA})')
    return document


def _checked(source: str, title: str, lists: dict[str, Any]) -> FileGroup:
    """The group of the file's lists of matrices.

    Raises:
        EntryError: a list or a matrix is not what it should be.
    """
    found = {key: _matrices(key, given) for key, given in lists.items()}
    # one prime has to have them all
    roots = lcm(*(matrices.roots for matrices in found.values()))
    if roots > ROOTS_LIMIT:
        raise EntryError(
            f"together the entries need roots of unity of order {readable(roots)}; "
            f"the limit is {ROOTS_LIMIT:,}"
        )
    group = FileGroup(source, title, *_pair(found, "generators", "infinitesimal"))
    group.turns.require_nonzero()
    if not (found["labels"] or found["label_infinitesimal"]):
        return group
    for key, ours in (("labels", "generators"), ("label_infinitesimal", "infinitesimal")):
        if len(found[key]) != len(found[ours]):
            raise EntryError(
                f'"{key}" has length {len(found[key])}, "{ours}" {len(found[ours])}: '
                "labels need one matrix for each"
            )
    return _with_labels(group, *_pair(found, "labels", "label_infinitesimal"))


def _with_labels(group: FileGroup, moves: Matrices, turns: Matrices) -> FileGroup:
    """The group with its second representation, checked: whole, or by the relations known."""
    if group.finite:
        # pairs (g, g') are as many as the g exactly when g determines g'
        pairs = order_by_closure(FileGroup(group.source, "", group.moves.beside(moves), turns))
        if pairs != group.order:
            raise EntryError(
                f"the label matrices do not represent the group: it has "
                f"{counted(group.order, 'element')}, with labels {counted(pairs, 'element')}"
            )
    else:
        require_representation(group.moves, group.turns, moves, turns)
    return replace(group, label_moves=moves, label_turns=turns)


def _pair(found: dict[str, Matrices], finite: str, infinitesimal: str) -> tuple[Matrices, Matrices]:
    """Orthogonal and antisymmetric matrices of one size, checked."""
    moves, turns = found[finite], found[infinitesimal]
    if not (moves or turns):
        raise EntryError(f'"{finite}" needs at least one matrix')
    if moves and turns and moves.size != turns.size:
        raise EntryError(
            f"{moves.title} 1 has size {moves.size}, {turns.title} 1 has size {turns.size}"
        )
    size = max(moves.size, turns.size)
    moves, turns = replace(moves, size=size), replace(turns, size=size)
    moves.require_orthogonal()
    turns.require_antisymmetric()
    return moves, turns


def _matrices(key: str, given: Any) -> Matrices:
    """A list of square matrices of one size, of size 0 when there are none."""
    title = _LISTS[key]
    if not isinstance(given, list) or len(given) > _COUNT_LIMIT:
        raise EntryError(f'"{key}" is a list of at most {_COUNT_LIMIT} matrices')
    texts = tuple(_matrix(f"{title} {i}", rows) for i, rows in enumerate(given, start=1))
    for i, rows in enumerate(texts, start=1):
        if len(rows) != len(texts[0]):
            raise EntryError(f"{title} {i} has size {len(rows)}, {title} 1 has {len(texts[0])}")
    return Matrices(title, len(texts[0]) if texts else 0, texts)


def _matrix(title: str, rows: Any) -> tuple[tuple[str, ...], ...]:
    """The rows of a square matrix, every entry read once."""
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise EntryError(f"{title} is not a list of rows")
    if not 1 <= len(rows) <= _SIZE_LIMIT or any(len(row) != len(rows) for row in rows):
        lengths = sorted({len(row) for row in rows})
        raise EntryError(
            f"{title} is not square, with 1 to {_SIZE_LIMIT} rows: it has {len(rows)} rows "
            f"of length {', '.join(map(str, lengths[:3])) or 0}"
        )
    for i, row in enumerate(rows, start=1):
        for j, text in enumerate(row, start=1):
            if not isinstance(text, str):
                raise EntryError(f"{title}, row {i}, column {j}: an entry is a number or a text")
            try:
                entry(text)
            except EntryError as err:
                shown = shortened(_printable(text), 40)
                raise EntryError(f"{title}, row {i}, column {j}, '{shown}': {err}") from err
    return tuple(tuple(row) for row in rows)


def _as_lists(texts: tuple[tuple[tuple[str, ...], ...], ...]) -> list[list[list[str]]]:
    return [[list(row) for row in matrix] for matrix in texts]


def _no_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is no number", name, 0)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _refuse(source: str, advice: str) -> NoReturn:
    raise InputError("symmetry", source, advice)
