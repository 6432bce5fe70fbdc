"""What data and time do to the state of a training run, as data (theory §14).

A run moves a state: the parameters θ, their velocities v where there is momentum, and a clock s
where time itself moves something. A dataset pulls along ∇L; time drifts. A law is a function of
the state that is constant along both. Time enters through s = e^{ct} (or t itself), so that all
fields are polynomials in the state and laws with e^{λt} in them are rational.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm, prod
from typing import Any, Literal, cast

import numpy as np

from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.fields import Fields, Leaves
from conserved.kernel.functions import FormalRing
from conserved.kernel.program import NAME_LIMIT, NODE_LIMIT, Tensors
from conserved.kernel.reader import Reader
from conserved.kernel.scalars import Array, Scalars

CLOCK = "time"
POWER_LIMIT = 8  # of a mirror
NUMBER_LIMIT = 10**9  # of numerators and denominators
METRIC_LIMIT = 200  # entries of θ that a metric can mix

Kind = Literal["", "outputs", "sign"]
Numbers = tuple[tuple[str, Fraction], ...]  # by tensor


@dataclass(frozen=True)
class Flow:
    """θ' = −λθ − Pη∇L; or, with velocities, θ' = Pv and v' = −τv − λθ − η∇L.

    Args:
        rates: η of the tensors that have one other than 1.
        free: every entry has a rate of its own, of which nothing is known: indeterminates.
        mirror: tensors where P multiplies by θ, entry by entry; it is 1 on others.
        power: k where it multiplies by θ^k instead.
        decay: λ of the tensors that have one.
        friction: τ; None for a flow without velocities.
        fading: friction is τ/t, as in Nesterov's method, in place of τ.
        metric: (D, D) symmetric, what multiplies ∇L in place of rates.
        kind: "" for those above; "outputs" where f(θ, x) itself is the field, with no loss; "sign"
            for θ' = −sign ∇L.

    Example:
        >>> heavy = Flow(friction=Fraction(1, 2))
        >>> heavy.state((("W1", (2, 3)), ("b1", (2,))))
        (('W1', (2, 3)), ('b1', (2,)), ('V1', (2, 3)), ("b1'", (2,)), ('time', ()))
    """

    rates: Numbers = ()
    free: bool = False
    mirror: tuple[str, ...] = ()
    decay: Numbers = ()
    friction: Fraction | None = None
    fading: bool = False
    kind: Kind = ""
    power: int = 1
    metric: tuple[tuple[Fraction, ...], ...] = ()

    @property
    def moving(self) -> bool:
        """Whether the state has velocities."""
        return self.friction is not None

    @property
    def timed(self) -> bool:
        """Whether the state has a clock."""
        return self.moving or bool(self.decay)

    def scales(self, tensors: Tensors) -> bool:
        """Whether all that time does is to multiply θ by one number."""
        one = len({value for _, value in self.decay}) == 1 and len(self.decay) == len(tensors)
        return one and not self.moving

    @cached_property
    def unit(self) -> Fraction:
        """c with s = e^{ct}, the greatest that all rates of drift are multiples of.

        0 where the clock is t: where nothing drifts, or friction fades.
        """
        numbers = [value for _, value in self.decay]
        numbers += [self.friction] if self.friction else []
        if not numbers or self.fading:
            return Fraction(0)
        return Fraction(
            gcd(*(n.numerator for n in numbers)), lcm(*(n.denominator for n in numbers))
        )

    def state(self, tensors: Tensors) -> Tensors:
        """Names and shapes of the state, θ first."""
        more: list[tuple[str, tuple[int, ...]]] = []
        if self.moving:
            more = [(v, shape) for v, (_, shape) in zip(velocities(tensors), tensors, strict=True)]
        return (*tensors, *more, *(((CLOCK, ()),) if self.timed else ()))

    def fault(self, tensors: Tensors) -> str:
        """Why it is no flow of these tensors, or ""."""
        known = [name for name, _ in tensors]
        named = [name for name, _ in (*self.rates, *self.decay)] + list(self.mirror)
        if missing := [name for name in named if name not in known]:
            return f"there is no {missing[0]}; there are {', '.join(known)}"
        state = [name for name, _ in self.state(tensors)]
        if len(set(state)) < len(state):
            return f"a tensor has a name of the state: {', '.join(state)}"
        for numbers in (self.rates, self.decay):
            names = [name for name, _ in numbers]
            if len(set(names)) < len(names) or any(value <= 0 for _, value in numbers):
                return "each tensor has one number, above 0"
        if self.friction is not None and self.friction < 0:
            return "friction is at least 0"
        if self.fading and (not self.friction or self.decay):
            return "friction that fades goes with momentum, and without decay"
        if not 1 <= self.power <= POWER_LIMIT or (self.power > 1 and not self.mirror):
            return f"a mirror has a power from 1 to {POWER_LIMIT}"
        if self.kind and self != Flow(kind=self.kind):
            return f"'{self.kind}' is the whole flow, and nothing goes with it"
        if self.metric and (self.free or self.rates or self.mirror):
            return "a metric takes the place of rates and mirrors"
        if fault := self._metric_fault(sum(prod(shape) for _, shape in tensors)):
            return fault
        return "rates are given, or free" if self.free and self.rates else ""

    def _metric_fault(self, size: int) -> str:
        rows = self.metric
        if not rows:
            return ""
        if size > METRIC_LIMIT:
            return f"a metric can mix {METRIC_LIMIT} entries of θ at most, and there are {size:,}"
        if len(rows) != size or any(len(row) != size for row in rows):
            return f"a metric has {size} rows and columns, one for each entry of θ"
        if any(rows[i][j] != rows[j][i] for i in range(size) for j in range(i)):
            return "a metric is symmetric"
        return ""

    @cached_property
    def bits(self) -> float:
        """Of the numbers it is written with."""
        numbers = [value for _, value in (*self.rates, *self.decay)]
        numbers += [self.friction or Fraction(0), self.unit]
        numbers += [value for row in self.metric for value in row]
        return float(sum((n.numerator * n.denominator).bit_length() for n in numbers))

    def to_json(self) -> dict[str, Any]:
        return {
            "rates": [[name, str(value)] for name, value in self.rates],
            "free": self.free,
            "mirror": list(self.mirror),
            "decay": [[name, str(value)] for name, value in self.decay],
            "friction": None if self.friction is None else str(self.friction),
            "fading": self.fading,
            **({"kind": self.kind} if self.kind else {}),
            **({"power": self.power} if self.power > 1 else {}),
            **({"metric": [[str(n) for n in row] for row in self.metric]} if self.metric else {}),
        }

    @staticmethod
    def read(reader: Reader, tensors: Tensors) -> Flow:
        """From ``to_json``; null is gradient flow.

        Raises:
            InputError: anything that is no flow of these tensors, with the place.
        """
        if reader.value is None:
            return GRADIENT
        optional = ("kind", "power", "metric")
        reader.keys("rates", "free", "mirror", "decay", "friction", "fading", *optional)
        friction = reader["friction"]
        flow = Flow(
            _numbers(reader["rates"]),
            reader["free"].boolean(),
            tuple(item.text(NAME_LIMIT) for item in reader["mirror"].items(most=NODE_LIMIT)),
            _numbers(reader["decay"]),
            None if friction.value is None else _fraction(friction),
            reader["fading"].boolean(),
            cast(Kind, reader["kind"].choice("outputs", "sign")) if "kind" in reader.value else "",
            reader["power"].integer(2, POWER_LIMIT) if "power" in reader.value else 1,
            _matrix(reader["metric"]) if "metric" in reader.value else (),
        )
        if fault := flow.fault(tensors):
            raise reader.error(fault)
        if flow == GRADIENT:
            raise reader.error("null stands for gradient flow")
        return flow


GRADIENT = Flow()
OUTPUTS = Flow(kind="outputs")
SIGN = Flow(kind="sign")


def _numbers(reader: Reader) -> Numbers:
    pairs = [item.items(exactly=2) for item in reader.items(most=NODE_LIMIT)]
    return tuple((name.text(NAME_LIMIT), _fraction(value)) for name, value in pairs)


def _matrix(reader: Reader) -> tuple[tuple[Fraction, ...], ...]:
    rows = [row.items(most=METRIC_LIMIT) for row in reader.items(most=METRIC_LIMIT)]
    return tuple(tuple(_fraction(value) for value in row) for row in rows)


def _fraction(reader: Reader) -> Fraction:
    value = reader.fraction()
    if max(abs(value.numerator), value.denominator) > NUMBER_LIMIT:
        raise reader.error(f"numerator and denominator are at most {NUMBER_LIMIT:,}")
    return value


def velocities(tensors: Tensors) -> list[str]:
    """A name for the velocity of each tensor: V1 for W1, and else the name with a prime."""
    names = [name for name, _ in tensors]
    free = not any(name.startswith("V") for name in names)
    return [
        f"V{name[1:]}" if free and name[0] == "W" and name[1:].isdigit() else f"{name}'"
        for name in names
    ]


class Motion:
    """What a flow makes of pulls on θ, and of time, over any scalars.

    Args:
        flow: the flow.
        tensors: names and shapes of θ.
        scalars, ring: what to compute in.
        rates: (D,) of all entries where they are free.

    Attributes:
        pulls: the part of the state that pulls act on: θ, or velocities.
    """

    def __init__(
        self,
        flow: Flow,
        tensors: Tensors,
        scalars: Scalars,
        ring: FormalRing,
        rates: Array | None = None,
    ) -> None:
        self.flow, self.scalars, self.ring = flow, scalars, ring
        self.size = sum(prod(shape) for _, shape in tensors)
        start = self.size if flow.moving else 0
        self.pulls = slice(start, start + self.size)
        self._rates = _spread(flow.rates, tensors, scalars, 1) if rates is None else rates
        self._decay = _spread(flow.decay, tensors, scalars, 0)
        entries = [number(scalars, value) for row in flow.metric for value in row]
        self._metric = np.array(entries, dtype=scalars.dtype).reshape(-1, self.size)
        self._mirrored = np.concatenate(
            [np.full(prod(shape), name in flow.mirror) for name, shape in tensors]
        )

    def pulled(self, pull: Array, state: Array) -> Array:
        """What a pull on θ does where pulls act, on jets (jet, batch, D)."""
        if self.flow.rates or self.flow.free:
            pull = self.ring.mul(pull, self._rates[None, None])
        if self.flow.metric:
            pull = self.scalars.matmul(pull, self._metric)
        return pull if self.flow.moving else self._reflected(pull, state[..., : self.size])

    def _reflected(self, field: Array, theta: Array) -> Array:
        """Pw for a field w."""
        if not self.flow.mirror:
            return field
        scale = theta if self.flow.power == 1 else self.ring.power(theta, self.flow.power)
        return np.where(self._mirrored, self.ring.mul(field, scale), field)

    def drift(self, state: Array) -> Array:
        """What time does, on jets (jet, batch, state); all of it times t where friction fades."""
        ring, n, flow, scalars = self.ring, self.size, self.flow, self.scalars
        theta, clock = state[..., :n], state[..., -1:]
        field = np.zeros_like(state)
        slowed = scalars.reduce(-ring.mul(theta, self._decay[None, None]))
        if flow.moving:
            v = state[..., n : 2 * n]
            moved = self._reflected(v, theta)
            field[..., :n] = ring.mul(moved, clock) if flow.fading else moved
            friction = number(scalars, flow.friction or Fraction(0))
            field[..., n : 2 * n] = scalars.reduce(slowed - ring.mul(v, friction))
        else:
            field[..., :n] = slowed
        if flow.fading:
            field[..., -1:] = clock
        elif flow.unit:
            field[..., -1:] = ring.mul(clock, number(scalars, flow.unit))
        else:
            field[0, ..., -1:] = 1
        return field


class FlowFields(Fields):
    """Fields on the state: a random multiple of the drift, and the pull of one datum.

    Their span is that of the drift and of all pulls. Leaves hold those of the pull, and the
    multiple (batch,) where there is a drift.

    Args:
        base: pulls on θ.
        flow: what it makes of them.
    """

    def __init__(self, base: Fields, flow: Flow) -> None:
        tensors = base.program.parameters
        state = sum(prod(shape) for _, shape in flow.state(tensors))
        super().__init__(base.program, base.scalars, base.rng, ring=base.ring, dimension=state)
        self.base, self.flow = base, flow
        self.size = base.dimension
        self.route, self.note = base.route, base.note
        self.sampled_patterns, self.one_cell = base.sampled_patterns, base.one_cell
        self.sample_bytes = base.sample_bytes + 8 * 4 * state
        if base.generators is not None:
            self.generators = base.generators + flow.timed
        self.hidden = int(flow.free)
        rates = base.scalars.random(base.rng, (self.size,)) if flow.free else None
        self.motion = Motion(flow, tensors, base.scalars, base.ring, rates)

    def unproved_roots(self) -> str:
        return self.base.unproved_roots()

    def draw_leaves(self, count: int) -> Leaves:
        return self._with_drift(self.base.draw_leaves(count))

    def leaves_at(self, theta: Array) -> Leaves:
        return self._with_drift(self.base.leaves_at(theta[..., : self.size]))

    def points(self, count: int) -> Array:
        theta = self.base.points(count)
        more = self.scalars.random(self.rng, (1, count, self.dimension - self.size))
        return np.concatenate([theta, more], axis=-1)

    def _with_drift(self, leaves: Leaves) -> Leaves:
        if not self.flow.timed:
            return leaves
        return Leaves((*leaves.arrays, self.scalars.random(self.rng, (len(leaves),))))

    def pull(self, leaves: Leaves, theta: Array) -> Array:
        ring, n = self.ring, self.size
        arrays = leaves.arrays[: len(leaves.arrays) - self.flow.timed]
        pulled = self.motion.pulled(self.base.pull(Leaves(arrays), theta[..., :n]), theta)
        if not self.flow.timed:
            return pulled
        weights = leaves.arrays[-1][None, :, None]
        field = ring.mul(self.motion.drift(theta), weights)
        block = field[..., self.motion.pulls]
        field[..., self.motion.pulls] = self.scalars.reduce(block + pulled)
        return field


def number(scalars: Scalars, value: Fraction) -> Array:
    """A number as a constant jet.

    Raises:
        DegenerateSampleError: its denominator is 0 mod p.
    """
    try:
        found = scalars.fraction(value.numerator, value.denominator)
    except ValueError as error:
        raise DegenerateSampleError(f"{value} has no value mod this prime") from error
    return np.full((1, 1, 1), found, dtype=scalars.dtype)


def _spread(numbers: Numbers, tensors: Tensors, scalars: Scalars, default: int) -> Array:
    """A number for every entry of θ."""
    named = dict(numbers)
    parts: Sequence[Array] = [
        np.full(
            prod(shape),
            number(scalars, named.get(name, Fraction(default))).item(),
            dtype=scalars.dtype,
        )
        for name, shape in tensors
    ]
    return np.concatenate(parts)
