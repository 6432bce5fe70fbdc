"""One problem of a sweep as text: what travels to workers and keys the results file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

from conserved.atlas.patterns import require_small
from conserved.errors import InputError, LimitError
from conserved.problem import Problem


@dataclass(frozen=True)
class Case:
    """The texts of one problem, as ``Problem.from_text`` takes them.

    Not to be confused with a ``Problem``, which is built and valid: a case may turn out not to
    fit together, and then has a reason instead of a result.

    Example:
        >>> Case("poly:2-1-1,power=2", symmetry="rotation:5").architecture().symmetry
        'none'
    """

    network: str
    loss: str = "mse"
    symmetry: str = "none"
    labels: str = "invariant"
    flow: str = "gradient"

    def problem(self) -> Problem:
        """Build it.

        Raises:
            InputError, LimitError: the texts do not make a problem.
        """
        return Problem.from_text(
            self.network,
            loss=self.loss,
            symmetry=self.symmetry,
            labels=self.labels,
            flow=self.flow,
        )

    def architecture(self) -> Case:
        """The same on all data: what the symmetry is compared with."""
        return replace(self, symmetry="none", labels="invariant")

    @property
    def key(self) -> str:
        """Canonical JSON: the same text for the same problem."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    def to_json(self) -> dict[str, Any]:
        """The ``problem`` object of the JSON contract."""
        return asdict(self)

    @classmethod
    def of(cls, problem: Problem) -> Case:
        """The case of a problem.

        Raises:
            InputError: a network, group, … that no text builds, e.g. one of your own classes.
        """
        case = cls(**problem.to_json())
        if case.problem().to_json() != problem.to_json():
            advice = "does not come back from its own text, which is how it travels to workers"
            raise InputError("problem", case.key, advice)
        return case


def cases(
    networks: Sequence[str],
    losses: Sequence[str] = ("mse",),
    symmetries: Sequence[str] = ("none",),
    labels: Sequence[str] = ("invariant",),
) -> tuple[Case, ...]:
    """All combinations, canonical, each once; symmetries run fastest.

    A combination that does not fit (equivariant labels on a network whose widths differ, say) is
    kept, and becomes a cell with its reason. A loss, symmetry or label action that fits no network
    is refused: it is a typing error more often than a wish.

    Raises:
        InputError: an unreadable network, or a value that fits none, with the reason.
        LimitError: too many combinations, with the number.

    Example:
        >>> for case in cases(["linear:2-1-1"], ["mse"], ["rotation:3", "rotation:4"]):
        ...     print(case.symmetry)
        rotation:3
        rotation:4
    """
    axes = (networks, losses, labels, symmetries)
    require_small(prod(map(len, axes)), "sweep", "problems")
    found: dict[Case, None] = {}
    refusals: dict[tuple[int, str], InputError] = {}
    fitting: set[tuple[int, str]] = set()
    for network, *others in product(*axes):
        spec = _network_spec(network)
        loss, action, symmetry = map(str.strip, others)
        case = Case(spec, loss, symmetry, action)
        try:
            case = Case.of(case.problem())
        except InputError as error:
            for value in enumerate(others):
                refusals.setdefault(value, error)
        except LimitError:  # too large is a result of its own, found again by the worker
            fitting.update(enumerate(others))
        else:
            fitting.update(enumerate(others))
        found[case] = None
    for value, refusal in refusals.items():
        if value not in fitting:
            raise refusal
    return tuple(found)


def with_architectures(wanted: Iterable[Case]) -> tuple[Case, ...]:
    """The cases and what each is compared with, which comes first; each once."""
    wanted = tuple(wanted)
    return tuple(dict.fromkeys([*(case.architecture() for case in wanted), *wanted]))


@lru_cache(maxsize=4096)
def _network_spec(text: str) -> str:
    return Problem.from_text(text).network.spec
