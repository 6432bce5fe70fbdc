"""What happens to parameters and velocities between two steps, and what laws tell of it.

Whoever evaluates averaged weights puts them in and takes them out again: that writes to parameters,
and changes none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conserved.dynamics.outcomes import ROUNDINGS
from conserved.watching.gradient.causes import listed
from conserved.watching.gradient.gradients import functions_of
from conserved.watching.look.products import Floats
from conserved.watching.look.sums import Sums


@dataclass(frozen=True)
class Between:
    """What happened between two steps.

    Attributes:
        moved: parameters that changed.
        paced: those whose velocity changed.
        written: parameters that were written to, and whose sampled entries are as they were.
    """

    moved: tuple[str, ...] = ()
    paced: tuple[str, ...] = ()
    written: tuple[str, ...] = ()

    @property
    def changed(self) -> list[str]:
        """Parameters that changed, or whose velocity did."""
        return list(dict.fromkeys(self.moved + self.paced))


@dataclass(frozen=True)
class Written:
    """What laws tell of parameters that were written to.

    Attributes:
        changed: those of a law that changed.
        unknown: those of laws of which none can tell.
    """

    changed: Sequence[str] = ()
    unknown: Sequence[str] = ()

    @classmethod
    def judged(cls, sums: Sums, between: Between, units: Floats) -> Written:
        """From what laws did.

        Args:
            sums: the laws.
            between: the last step and now.
            units: (F,) what h changed by, beyond its ledger if a step is between, in roundings;
                nan where that is not known.
        """
        changed, unknown = [], []
        for name in between.written:
            mine = units[functions_of(sums, [name])]
            if (mine > ROUNDINGS).any():
                changed.append(name)
            elif len(mine) and np.isnan(mine).all():
                unknown.append(name)
        return cls(changed, unknown)


def changed_between(moved: Sequence[str], step: int, paced: Sequence[str] = ()) -> str:
    """Parameters, or velocities, changed between a step and the one before it.

    Example:
        >>> changed_between(["0.weight"], 7, ["0.weight"])
        '0.weight and its velocity changed between steps 6 and 7'
        >>> changed_between([], 7, ["0.weight", "2.weight"])
        'the velocities of 0.weight, 2.weight changed between steps 6 and 7'
    """
    what = "velocity" if len(paced) == 1 else "velocities"
    told = f"the {what} of {listed(paced)}" if paced else ""
    if moved and set(paced) == set(moved):
        told = f"{listed(moved)} and {'its' if len(moved) == 1 else 'their'} {what}"
    elif moved:
        told = " and ".join(filter(None, (listed(moved), told)))
    return f"{told} changed {_steps(step)}"


def written_between(names: Sequence[str], step: int) -> str:
    """Parameters were written to between two steps, and no law tells whether they changed.

    Example:
        >>> written_between(["0.weight"], 7)
        '0.weight was written to between steps 6 and 7; entries followed are the same'
    """
    were = "was" if len(names) == 1 else "were"
    return f"{listed(names)} {were} written to {_steps(step)}; entries followed are the same"


def loaded_between(what: Sequence[str], step: int) -> str:
    """States were loaded between two steps.

    Args:
        what: "model", "optimizer".
        step: the second, counted from 1.

    Example:
        >>> loaded_between(["model"], 7)
        'a state of the model was loaded between steps 6 and 7'
        >>> loaded_between(["model", "optimizer"], 1)
        'states of the model and the optimizer were loaded before step 1'
    """
    whose = " and ".join(f"the {one}" for one in what)
    told = f"states of {whose} were" if len(what) > 1 else f"a state of {whose} was"
    return f"{told} loaded {_steps(step) if step > 1 else 'before step 1'}"


def _steps(step: int) -> str:
    return f"between steps {step - 1} and {step}"
