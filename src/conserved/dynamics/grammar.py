"""The text form of dynamics: what each takes declared as data.

The command-line grammar, ``conserved list flows`` and every error are made from ``FLOWS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from conserved.data.table import read_table
from conserved.dynamics.base import ALL, Dynamics
from conserved.dynamics.combined import Combined
from conserved.dynamics.first_order import (
    Decay,
    FreeRates,
    Gradient,
    Metric,
    Mirror,
    Natural,
    Outputs,
    Rates,
    Sign,
)
from conserved.dynamics.second_order import MirrorMomentum, Momentum, Nesterov
from conserved.errors import InputError, naming, nearest, require_text
from conserved.kernel.data import Row
from conserved.kernel.flow import NUMBER_LIMIT, POWER_LIMIT, Numbers
from conserved.registry import Registry

SPEC_LIMIT = 400  # characters
_NUMBER = re.compile(r"([0-9]{1,10})(?:/([0-9]{1,10})|\.([0-9]{1,9}))?")

Takes = Literal["nothing", "number?", "numbers", "names?", "file"]


@dataclass(frozen=True)
class FlowFamily:
    """A dynamics: its text form and how to build it.

    Args:
        name: what stands before the colon.
        build: from nothing, a number, numbers by tensor, names of tensors, or a file.
        takes: which of these; with a question mark it can be left out.
        usage: its grammar on one line.
        example: a text that works on networks with tensors W1 and W2.
        formula: its equation.
    """

    name: str
    build: Callable[..., Dynamics]
    takes: Takes
    usage: str
    example: str

    @property
    def formula(self) -> str:
        if self.takes == "file":
            return Metric.formula
        return parse_flow(self.example).formula


def _rates(numbers: Numbers | str) -> Dynamics:
    return FreeRates() if numbers == "entries" else Rates(numbers)  # type: ignore[arg-type]


def _metric(source: str, rows: tuple[Row, ...] = ()) -> Dynamics:
    with naming({"metric": "flow"}):
        return Metric(rows or read_table(source, "flow").rows, source)


_OWN = {
    family.name: family
    for family in (
        FlowFamily("gradient", Gradient, "nothing", "gradient", "gradient"),
        FlowFamily("momentum", Momentum, "number?", "momentum[:TAU]", "momentum:1/2"),
        FlowFamily("nesterov", Nesterov, "nothing", "nesterov", "nesterov"),
        FlowFamily("decay", Decay, "numbers", "decay:L | decay:W1=L,W2=M,…", "decay:1/10"),
        FlowFamily("rates", _rates, "numbers", "rates:W1=R,W2=S,… | rates:entries", "rates:W1=3"),
        FlowFamily("mirror", Mirror, "names?", "mirror[:W1,W2,…][,power=K]", "mirror:W2"),
        FlowFamily(
            "mirror-momentum",
            MirrorMomentum,
            "number?",
            "mirror-momentum[:TAU]",
            "mirror-momentum:1/2",
        ),
        FlowFamily("metric", _metric, "file", "metric:FILE", "metric:p.csv"),
        FlowFamily("natural", Natural, "nothing", "natural", "natural"),
        FlowFamily("sign", Sign, "nothing", "sign", "sign"),
        FlowFamily("outputs", Outputs, "nothing", "outputs", "outputs"),
    )
}
FLOWS: Registry[FlowFamily] = Registry("dynamics", FlowFamily, _OWN)

# known by name, and not counted
_NO_FLOWS = {
    "adam": "steps entry by entry, and no flow: see conserved simulate --dynamics adam",
    "adamw": "steps entry by entry, and no flow: see conserved simulate --dynamics adamw",
    "muon": "steps matrix by matrix, and no flow: see conserved simulate --dynamics muon",
    "sam": "steps along gradients of other points: see conserved simulate --dynamics sam",
    "sgd": "steps, and no flow: see conserved simulate --dynamics sgd, or --flow gradient",
    "gd": "steps, and no flow: see conserved simulate --dynamics gd, or --flow gradient",
}


def parse_flow(text: str, metric: tuple[Row, ...] = ()) -> Dynamics:
    """The dynamics that a text such as ``momentum:1/2`` names; parts are joined by +.

    Args:
        text: as typed.
        metric: what its file holds, so that none is read.

    Raises:
        InputError: an unknown name, or arguments that it does not take.

    Example:
        >>> parse_flow("rates:W1=3,W2=0.5").name
        'rates:W1=3,W2=1/2'
        >>> parse_flow("momentun")
        Traceback (most recent call last):
        conserved.errors.InputError: flow 'momentun': unknown; did you mean 'momentum'?
    """
    text = require_text("flow", text, "gradient").strip()
    if len(text) > SPEC_LIMIT:
        raise InputError("flow", text, f"longer than {SPEC_LIMIT} characters")
    parts = [_one(text, part.strip(), metric) for part in text.split("+")]
    if len(parts) == 1:
        return parts[0]
    whole = Combined(tuple(parts))
    _ = whole.formula  # refuses parts that do not go together
    return whole


def _one(text: str, part: str, metric: tuple[Row, ...]) -> Dynamics:
    name, colon, rest = (word.strip() for word in part.partition(":"))
    family = FLOWS.get(name)
    if name in _NO_FLOWS:
        raise InputError("flow", text, _NO_FLOWS[name])
    if family is None:
        raise InputError("flow", text, f"unknown; {nearest(name, FLOWS)}")
    needed = not family.takes.endswith("?") and family.takes != "nothing"
    if (colon and not rest) or (rest and family.takes == "nothing") or (needed and not rest):
        raise _misfit(text, family)
    if not rest:
        return family.build()
    if family.takes == "file":
        return family.build(rest, metric)
    if family.takes == "names?":
        names = tuple(word.strip() for word in rest.split(","))
        if not all(names) or len(set(names)) < len(names):
            raise _misfit(text, family)
        return family.build(*_powered(text, family, names))
    if family.takes == "number?":
        return family.build(_number(text, family, rest, least=0))
    if name == "rates" and rest == "entries":
        return family.build(rest)
    return family.build(_numbers(text, family, rest))


def _powered(
    text: str, family: FlowFamily, names: tuple[str, ...]
) -> tuple[tuple[str, ...]] | tuple[tuple[str, ...], int]:
    """Names of tensors, and the power that may stand last."""
    last, equals, power = (word.strip() for word in names[-1].partition("="))
    if last != "power" or not equals:
        return (names,)
    if not (power.isascii() and power.isdigit() and 1 <= int(power[:3]) <= POWER_LIMIT):
        raise _misfit(text, family, f"powers are whole numbers from 1 to {POWER_LIMIT}")
    return names[:-1], int(power)


def _numbers(text: str, family: FlowFamily, rest: str) -> Numbers:
    """One number for all tensors, or W1=3,W2=7."""
    words = rest.split(",")
    if len(words) == 1 and "=" not in rest:
        if family.name == "rates":
            raise _misfit(text, family, "one rate for all only changes the unit of time")
        return ((ALL, _number(text, family, rest)),)
    pairs = [tuple(word.strip() for word in pair.partition("=")) for pair in words]
    if not all(name and equals for name, equals, _ in pairs):
        raise _misfit(text, family)
    names = [name for name, _, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError("flow", text, f"{twice[0]} is given twice")
    return tuple((name, _number(text, family, value)) for name, _, value in pairs)


def _number(text: str, family: FlowFamily, word: str, least: int = 1) -> Fraction:
    """A number as a fraction or a decimal, exact; ``least`` 0 allows 0."""
    what = "numbers of at least 0" if least == 0 else "numbers above 0"
    found = _NUMBER.fullmatch(word)
    if found is None or (found[2] is not None and not int(found[2])):
        raise _misfit(text, family, f"needs {what}, such as 2, 1/2 or 0.1, got '{word[:20]}'")
    value = Fraction(word)
    if not value and least:
        raise _misfit(text, family, f"needs {what}, got '{word[:20]}'")
    if max(value.numerator, value.denominator) > NUMBER_LIMIT:
        raise _misfit(text, family, f"numbers are at most {NUMBER_LIMIT:,}, got '{word[:20]}'")
    return value


def _misfit(text: str, family: FlowFamily, advice: str = "") -> InputError:
    usage = f"usage: {family.usage}"
    return InputError("flow", text, f"{advice} ({usage})" if advice else usage)
