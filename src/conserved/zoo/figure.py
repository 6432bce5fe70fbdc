"""A published figure or table, measured again: what every one of them has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from conserved._version import __version__
from conserved.arithmetic.threads import threads_for
from conserved.errors import InputError, is_whole, nearest
from conserved.zoo.claim import Claim, all_hold

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "conserved.reproduction/1"
_SMALL = 300  # columns of the largest matrix in any figure


class Measurement(ABC):
    """The numbers behind one figure.

    Law every measurement obeys: its claims follow from its numbers alone, so a measurement of
    something else (a group too small, a sampled average, a wrong law) fails them.
    """

    @abstractmethod
    def claims(self) -> tuple[Claim, ...]:
        """What is claimed, with the numbers put in."""

    @abstractmethod
    def chart(self) -> str:
        """The figure for a terminal."""

    @abstractmethod
    def draw(self) -> Figure:
        """The figure; imports matplotlib."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """All that the figure shows, as numbers."""


def rounded(values: ArrayLike, digits: int = 6) -> Any:
    """Nested lists with so many significant digits; what is not finite is null.

    Example:
        >>> rounded([1 / 3, 2e-17 / 3, float("inf")], digits=3)
        [0.333, 6.67e-18, None]
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim:
        return [rounded(row, digits) for row in table]
    return float(f"{table:.{digits}g}") if np.isfinite(table) else None


@dataclass(frozen=True)
class Published:
    """A figure or table that can be measured again.

    Attributes:
        name: on the command line.
        title: what it shows, in one sentence.
        source: arXiv number and place.
        module: where it is measured.
    """

    name: str
    title: str
    source: str
    module: str

    def to_json(self) -> dict[str, str]:
        return {"name": self.name, "title": self.title, "source": self.source}

    def measure(self, seed: int = 0) -> Measurement:
        """Compute its numbers."""
        measure = import_module(f"conserved.zoo.{self.module}").measure
        measured: Measurement = measure(seed=seed)
        return measured


PUBLISHED = {
    entry.name: entry
    for entry in (
        Published(
            "polynomial",
            "Data that are symmetric under 18 rotations of the plane freeze the angle of a weight.",
            "2606.10913, figure 1",
            "polynomial",
        ),
        Published(
            "linear",
            "Data with all cyclic shifts freeze (W1−W2)/(W1+W2−2W3), even under discrete steps.",
            "2606.10913, linear example",
            "linear",
        ),
        Published(
            "attention",
            "Data averaged over O(8) freeze the span of all query, key and value vectors.",
            "2606.10913, lightning attention",
            "attention",
        ),
        Published(
            "counts",
            "Linear and ReLU networks have the balancedness laws and no others: 100 of 100.",
            "2307.00144, appendix",
            "counts",
        ),
        Published(
            "step-size",
            "A true law drifts in proportion to the step; a law without its bias does not.",
            "2012.04728, 2307.00144",
            "step_size",
        ),
    )
}


@dataclass(frozen=True, eq=False)
class Reproduction:
    """A published figure with what was met.

    Attributes:
        published: which.
        measurement: its numbers.
        claims: judged.
        seed: with the name, replays everything.
        seconds: wall time.
    """

    published: Published
    measurement: Measurement
    claims: tuple[Claim, ...]
    seed: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether every claim holds."""
        return all_hold(self.claims)

    def to_json(self) -> dict[str, Any]:
        """The record that is written beside the figure."""
        return {
            "schema": SCHEMA,
            "version": __version__,
            **self.published.to_json(),
            "seed": self.seed,
            "holds": self.holds,
            "claims": [claim.to_json() for claim in self.claims],
            "measurement": self.measurement.to_json(),
            "seconds": round(self.seconds, 3),
        }


def reproduce(name: str, *, seed: int = 0) -> Reproduction:
    """Measure a published figure again and judge its claims.

    Args:
        name: one of ``PUBLISHED``.
        seed: an integer ≥ 0; the same seed gives the same numbers.

    Raises:
        InputError: no such figure.
        ConservedError: something that it needs is not installed.
    """
    published = find(name)
    if not is_whole(seed) or seed < 0:
        raise InputError("seed", seed, "give a whole number from 0")
    start = perf_counter()
    with threads_for(_SMALL):
        measurement = published.measure(seed)
    claims = measurement.claims()
    return Reproduction(published, measurement, claims, seed, perf_counter() - start)


def find(name: str) -> Published:
    """The figure of that name.

    Example:
        >>> find("linear").source
        '2606.10913, linear example'
    """
    if name not in PUBLISHED:
        raise InputError("name", name, f"unknown; {nearest(name, PUBLISHED)}")
    return PUBLISHED[name]
