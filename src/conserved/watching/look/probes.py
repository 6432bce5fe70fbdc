"""Random probes of large families of laws: what of them is looked at, drawn once for a run.

Neighbours are drawn together, so that a look reads few pages of a tensor: of a family with a law
for each unit a run of units, of matrices ⟨r rᵀ, X Xᵀ⟩ for each head an r that is 0 but on a run of
rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.blocks.patterns import Key
from conserved.errors import InputError

_UNITS, _ROWS = 16, 4  # that are looked at in any case: fewer are not read faster


@dataclass(frozen=True)
class Probe:
    """What is looked at of one family.

    Attributes:
        blocks: of its blocks.
        rows: of the rows of each.
    """

    blocks: slice
    rows: slice

    @property
    def functions(self) -> int:
        """How many functions are looked at."""
        return int(self.blocks.stop - self.blocks.start)

    @property
    def size(self) -> int:
        """How many rows of a block."""
        return int(self.rows.stop - self.rows.start)

    def of(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        """Of (blocks, repeats, size) those that are looked at."""
        return places[self.blocks, :, self.rows]


class Probes:
    """Draws probes; families of as many functions are looked at in the same places.

    Args:
        share: of each family; all of it where that is 1.
        seed: of the draws.

    Attributes:
        share, seed: as given.

    Raises:
        InputError: no such share.

    Example:
        >>> Probes(1.0, 0).of(("quadratic", 384, 1)).functions
        384
        >>> Probes(0.125, 0).of(("quadratic", 384, 1)).functions
        48
        >>> Probes(0.125, 0).of(("quadratic", 6, 64)).size
        8
    """

    def __init__(self, share: float, seed: int) -> None:
        told: Any = share
        if not (isinstance(told, Real) and 0 < float(told) <= 1):
            raise InputError("probe", share, "give a share of each family of laws, such as 0.125")
        self.share, self.seed = float(share), seed
        self._rng = np.random.default_rng([seed, 1])
        self._drawn: dict[tuple[int, int], slice] = {}

    def of(self, key: Key) -> Probe:
        """What is looked at of a family of this key."""
        _, blocks, size = key
        if size > 1:  # every head, by some of its rows
            return Probe(slice(0, blocks), self._run(size, _ROWS))
        return Probe(self._run(blocks, _UNITS), slice(0, 1))

    @property
    def words(self) -> str:
        """What is not looked at; "" where all is."""
        return "" if self.share == 1 else part_in_words(self.share)

    def check(self, share: float, seed: int | None) -> None:
        """Whether a log goes on with what it began with.

        Args:
            share, seed: of the log; None if not known.

        Raises:
            InputError: it does not.
        """
        for name, mine, other in (("probe", self.share, share), ("seed", self.seed, seed)):
            if other is not None and mine != other:
                raise InputError(name, mine, f"the log goes on with {name}={other:g}")

    def signs(self) -> np.random.Generator:
        """Draws those with which rows, or functions, are combined."""
        return np.random.default_rng(self.seed)

    def _run(self, count: int, least: int) -> slice:
        wanted = min(count, max(least, ceil(self.share * count)))
        if (count, least) not in self._drawn:
            start = int(self._rng.integers(count - wanted + 1))
            self._drawn[count, least] = slice(start, start + wanted)
        return self._drawn[count, least]


def part_in_words(share: float) -> str:
    """Of what is looked at.

    Example:
        >>> part_in_words(0.125)
        'Of large families of laws a random part is looked at, 0.125 of each.'
    """
    return f"Of large families of laws a random part is looked at, {share:.3g} of each."
