"""What a dataset fixes: features that never move, its symmetries, and what it freezes in a network.

Example:
    >>> from conserved.data import Table, exact_rows
    >>> found = survey(Table("crosses", exact_rows("data", [[1, 0, 0], [0, 1, 0]])))
    >>> found.features.rank, found.features.zero
    (2, (2,))
    >>> [group.group for group in found.groups if group.exact]
    []
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt, prod
from typing import Any

from conserved._version import __version__
from conserved.analysis import Analysis, analyze
from conserved.data import Inputs, Table, points, samples
from conserved.dataset.closed import DENSE, Closed, closed
from conserved.dataset.drift import Drift, drifts
from conserved.dataset.features import Features
from conserved.errors import InputError, is_whole
from conserved.kernel.deadline import time_share, within
from conserved.losses import Loss, MeanSquaredError
from conserved.networks import Network
from conserved.problem import Problem
from conserved.symmetry import Group, parse_symmetry

__all__ = ["Closed", "Drift", "Features", "Survey", "survey"]

SCHEMA = "conserved.data/1"
_COORDINATES = ("negation", "permutation", "shift", "signflip", "hyperoctahedral")
_IMAGES = ("grid-flip", "grid-rotation", "grid-dihedral", "grid-shift")
_ENTRIES = 4_000_000  # of all generators of a group that nobody asked for


@dataclass(frozen=True)
class Survey:
    """What a dataset fixes.

    Attributes:
        table: what was looked at.
        features: of its inputs.
        labels: the columns taken for labels, if any.
        groups: how symmetric it is under each group, the most symmetric first.
        analysis: laws of a network on these data, where one was named.
        drifts: of laws that exact augmentation by the group asked for would add to the network,
            how fast they drift on these data; None where no group was, or labels are not its.
    """

    table: Table
    features: Features
    labels: Features | None
    groups: tuple[Closed, ...]
    analysis: Analysis | None = None
    drifts: tuple[Drift, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """The object of ``conserved data --json``; features count from 1."""
        features = self.features
        return {
            "schema": SCHEMA,
            "version": __version__,
            "source": self.table.source,
            "rows": len(features.rows),
            "distinct_rows": features.distinct,
            "features": len(features.columns),
            "labels": 0 if self.labels is None else len(self.labels.columns),
            "zero": [i + 1 for i in features.zero],
            "constant": [[i + 1, str(value)] for i, value in features.constant],
            "duplicates": [[i + 1 for i in group] for group in features.duplicates],
            "rank": features.rank,
            "groups": [group.to_json() for group in self.groups],
            "analysis": None if self.analysis is None else self.analysis.to_json(),
            "drifts": None if self.drifts is None else [law.to_json() for law in self.drifts],
        }


def survey(
    table: Table,
    network: Network | None = None,
    *,
    loss: Loss | None = None,
    symmetry: str | None = None,
    labels: int | None = None,
    seed: int = 0,
    budget: float | None = None,
) -> Survey:
    """Find what a dataset fixes.

    Args:
        table: rows of inputs, perhaps with labels last.
        network: also count what it keeps on these data.
        loss: of the network; squared error by default.
        symmetry: a group as typed; by default those of the grammar that fit.
        labels: how many of the last columns are labels; by default what the file keeps apart, or
            what is left of the columns that the network takes.
        seed, budget: as for ``analyze``.

    Raises:
        InputError: columns that do not fit the network or the symmetry.
        LimitError: a network too large, or a group that is too large to average over.
    """
    last = _label_columns(table, network, labels)
    width = table.width - last
    features = Features(tuple(row[:width] for row in table.rows))
    beside = Features(tuple(row[width:] for row in table.rows)) if last else None
    wanted = [parse_symmetry(symmetry, width)] if symmetry is not None else _fitting(width)
    groups = sorted((closed(features, beside, group) for group in wanted), key=_order)
    if network is None:
        return Survey(table, features, beside, tuple(groups))
    loss = loss or MeanSquaredError()
    inputs = _inputs(table.source, features, beside, network)
    problem = Problem(network=network, loss=loss, inputs=inputs)
    labelled = beside is not None and len(beside.columns) == prod(network.output_shape)
    drifting = symmetry is not None and labelled and len(network.input_shape) == 1
    found = None
    with within(budget):
        with time_share(1 / 2 if drifting else 1):
            analysis = analyze(problem, seed=seed)
        if drifting and beside is not None:
            found = drifts(network, loss, wanted[0], features, beside, seed=seed)
    return Survey(table, features, beside, tuple(groups), analysis, found)


def _label_columns(table: Table, network: Network | None, labels: int | None) -> int:
    if labels is not None and (not is_whole(labels) or not 0 <= labels < table.width):
        advice = f"give a whole number from 0 to {table.width - 1}, of {table.width} columns"
        raise InputError("labels", labels, advice)
    if network is None:
        return table.labels if labels is None else labels
    wanted = prod(network.input_shape)
    last = table.width - wanted
    if last < 0 or (labels is not None and labels != last):
        advice = f"has {table.width} columns; an input of {network.spec} has {wanted} numbers"
        raise InputError("data", table.source, advice)
    return last


def _inputs(name: str, features: Features, labels: Features | None, network: Network) -> Inputs:
    """The samples where the labels are those of the network, else the inputs with any labels."""
    if labels is not None and len(labels.columns) == prod(network.output_shape):
        return samples(features.rows, labels.rows, f"samples:{name}")
    return points(features.rows, name)


def _fitting(width: int) -> list[Group]:
    return [group for group in _named(width) if len(group.signs) * width**2 <= _ENTRIES]


def _named(width: int) -> Iterator[Group]:
    """Groups of the grammar that act on so many features, images taken for square."""
    if width < 2:
        yield parse_symmetry("negation", width)
        return
    for name in _COORDINATES:
        yield parse_symmetry(name, width)
    side = isqrt(width)
    if side > 1 and side**2 == width:
        for name in _IMAGES:
            yield parse_symmetry(f"{name}:{side}x{side}", width)
    if width <= DENSE:
        yield parse_symmetry("special-orthogonal", width)


def _order(group: Closed) -> tuple[bool, bool, float]:
    # of indices that are equal up to rounding neither comes first
    return not group.exact, not group.inputs, round(group.index, 9)
