"""The rank at a given θ, beside that at a generic one: what a run that starts there keeps.

A run never leaves the leaf through its start, whose dimension is the rank of all brackets there
(Nagano). At special points, such as LoRA's B = 0 or two equal neurons, that is less than at generic
ones. Brackets of limited length are tried, so a rank found here is at most the true one: it informs
and proves nothing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.closure.bound import Closure
from conserved.data import exact_rows
from conserved.data.table import BYTES_LIMIT
from conserved.errors import DegenerateSampleError, InputError, nearest
from conserved.fields import make_fields
from conserved.kernel.data import table
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.residues import Residues, residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.kernel.span import drawn
from conserved.problem import Problem

_ZEROS = "zeros:"
_LEVELS = (0, 1, 2, 3)  # brackets up to length 8
_EVALUATIONS = 200_000  # of one level; a longer one is left out
_SPARE = 4
_PRIMES = 8

Start = str | Mapping[str, Any]


@dataclass(frozen=True)
class AtStart:
    """What is found at a given θ.

    Attributes:
        source: what was given.
        rank: of the fields and brackets there, as far as they were tried.
        generic: the rank at a generic θ.
        parameters: D, of the state.
        length: of the longest brackets tried.
        formal: whether values of elementary functions were taken as independent.
    """

    source: str
    rank: int
    generic: int
    parameters: int
    length: int
    formal: bool

    @property
    def words(self) -> str:
        """What that says of a run."""
        kept, always = self.parameters - self.rank, self.parameters - self.generic
        there = f"rank {self.rank:,} there (brackets up to length {self.length})"
        formal = ", values of functions taken as independent" if self.formal else ""
        if self.rank >= self.generic:
            return f"{there}, as at a generic θ{formal}"
        return (
            f"{there}, {self.generic:,} at a generic θ: a run from there keeps {kept:,} numbers "
            f"where others keep {always:,}{formal}"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "rank": self.rank,
            "generic_rank": self.generic,
            "parameters": self.parameters,
            "length": self.length,
            "formal": self.formal,
        }


def rank_at(problem: Problem, start: Start, closure: Closure, *, seed: int = 0) -> AtStart:
    """The rank at a given θ; tensors that are not given are random.

    Args:
        problem: as for ``lie_closure``.
        start: "zeros:B" (one tensor or several, with commas), an NPZ file of tensors by name, or a
            mapping of such.
        closure: of the same problem.
        seed: draws what is not given, and the fields.

    Raises:
        InputError: unknown tensors, other shapes, or a network with gates.
        DegenerateSampleError: the fields have no value there.

    Example:
        >>> from conserved.closure import lie_closure
        >>> from conserved.networks import Linear
        >>> problem = Problem(network=Linear(3, 2, 2))
        >>> rank_at(problem, "zeros:W1,W2", lie_closure(problem)).rank
        0
    """
    source = start if isinstance(start, str) else "θ given"
    if problem.network.piecewise:
        advice = "needs a network without gates: which are open would depend on the numbers"
        raise InputError("start", source, advice)
    tensors = _tensors(problem, start, source)
    with threads_for(problem.state.size):
        for index in range(_PRIMES):
            scalars = residues(prime_with_roots(problem.roots, index=index))
            try:
                return _at(problem, tensors, source, closure, scalars, seed)
            except DegenerateSampleError:
                continue
    raise DegenerateSampleError(f"start '{source}': the fields have no value there")


def _at(
    problem: Problem,
    tensors: Mapping[str, tuple[Fraction, ...]],
    source: str,
    closure: Closure,
    scalars: Residues,
    seed: int,
) -> AtStart:
    fields = make_fields(problem, scalars, np.random.default_rng([seed, 23]))
    theta = fields.point().copy()
    for name, numbers in tensors.items():
        place = problem.state.indices(name).ravel()
        theta[0, 0, place] = table([numbers], (len(numbers),), scalars)[0]
    space, length = RowSpace(scalars, fields.dimension), 1
    for level in _LEVELS:
        count = closure.rank - space.rank + _SPARE
        if count <= _SPARE or (level and count * 8**level > _EVALUATIONS):
            break
        for _, values in drawn(fields, level, count, theta):
            space.add(values)
        length = 2**level
    return AtStart(source, space.rank, closure.rank, fields.dimension, length, fields.formal)


def _tensors(problem: Problem, start: Start, source: str) -> dict[str, tuple[Fraction, ...]]:
    """The tensors given, flattened, as exact numbers."""
    known = dict(problem.state.tensors)
    if isinstance(start, str) and start.startswith(_ZEROS):
        given: dict[str, Any] = {
            name.strip(): None for name in start.removeprefix(_ZEROS).split(",")
        }
    else:
        given = dict(start) if isinstance(start, Mapping) else _archive(start)
    found = {}
    for name, value in given.items():
        if name not in known:
            raise InputError("start", source, f"no tensor '{name}'; {nearest(name, known)}")
        size = int(np.prod(known[name]))
        if value is None:
            found[name] = (Fraction(0),) * size
            continue
        array: Array = np.asarray(value)
        if array.shape != known[name]:
            shapes = [_shape(shape) for shape in (array.shape, known[name])]
            advice = f"'{name}' has shape {shapes[0]}; the network's has {shapes[1]}"
            raise InputError("start", source, advice)
        found[name] = exact_rows("start", array.reshape(1, -1))[0]
    return found


def _archive(source: str) -> dict[str, Any]:
    path = Path(source)
    if not source.lower().endswith(".npz") or "\0" in source:
        raise InputError("start", source, "give FILE.npz with tensors by name, or zeros:NAME")
    try:
        if not path.is_file():
            raise InputError("start", source, "no such file")
        if path.stat().st_size > BYTES_LIMIT:
            raise InputError("start", source, "larger than 100 MB")
        with np.load(path) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except OSError as error:
        raise InputError("start", source, error.strerror or "cannot be read") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("start", source, "is no archive of plain numeric arrays") from error


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "()"
