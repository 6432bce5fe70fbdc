"""The text form of dynamics: exact numbers, and one clear line for anything else."""

from __future__ import annotations

from fractions import Fraction

import pytest

import conserved as cq
from conserved.dynamics import ALL, Decay, Momentum, Rates, parse_flow
from conserved.errors import InputError


@pytest.mark.parametrize(
    "text, name",
    [
        (" momentum ", "momentum:1"),
        ("momentum:0.25", "momentum:1/4"),
        ("momentum:0", "momentum:0"),
        ("decay:2/4", "decay:1/2"),
        ("decay:W1=3, W2=0.5", "decay:W1=3,W2=1/2"),
        ("rates:W1=3,W2=7", "rates:W1=3,W2=7"),
        ("rates: entries", "rates:entries"),
        ("mirror:W2", "mirror:W2"),
        ("mirror:W1, W2, power = 3", "mirror:W1,W2,power=3"),
        ("mirror:power=2", "mirror:power=2"),
        ("mirror-momentum:1/3", "mirror-momentum:1/3"),
        ("momentum:1 + decay:1/10", "momentum:1+decay:1/10"),
    ],
)
def test_texts(text: str, name: str) -> None:
    flow = parse_flow(text)
    assert flow.name == name
    assert parse_flow(name) == flow


@pytest.mark.parametrize(
    "text, told",
    [
        ("momentum:-1", "numbers of at least 0"),
        ("momentum:fast", "numbers of at least 0"),
        ("momentum:1e400", "numbers of at least 0"),
        ("momentum:1/0", "numbers of at least 0"),
        ("momentum:", "usage: momentum"),
        ("decay", "usage: decay"),
        ("decay:0", "numbers above 0"),
        ("decay:-0.1", "numbers above 0, such as 2, 1/2 or 0.1, got '-0.1'"),
        ("rates:W1=-3", "numbers above 0, such as 2, 1/2 or 0.1, got '-3'"),
        ("decay:W1=", "numbers above 0"),
        ("decay:W1=1,W1=2", "W1 is given twice"),
        ("decay:W1=1,2", "usage: decay"),
        ("decay:9999999999", "at most 1,000,000,000"),
        ("rates:3", "only changes the unit of time"),
        ("nesterov:3", "usage: nesterov"),
        ("mirror:W1,,W2", "usage: mirror"),
        ("mirror:W1,W1", "usage: mirror"),
        ("mirror:power=0", "whole numbers from 1 to 8"),
        ("mirror:W1,power=9", "whole numbers from 1 to 8"),
        ("mirror:power=x", "whole numbers from 1 to 8"),
        ("momentum+gradient", "leave it out"),
        ("momentum+nesterov", "two parts speak of the same"),
        ("momentum+natural", "leave it out"),
        ("adam", "conserved simulate --dynamics adam"),
        ("adamw", "conserved simulate --dynamics adamw"),
        ("muon", "conserved simulate --dynamics muon"),
        ("sam", "conserved simulate --dynamics sam"),
        ("lion", "unknown"),
        ("momentum+", "unknown"),
        ("x" * 500, "longer than"),
    ],
)
def test_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match="flow") as error:
        parse_flow(text)
    assert told in str(error.value)


@pytest.mark.parametrize("flow", ["decay:W3=1", "rates:w1=1", "mirror:b1", "rates:W1=1+mirror:W7"])
def test_tensors_are_those_of_the_network(flow: str) -> None:
    with pytest.raises(InputError, match="there are W1, W2"):
        cq.Problem.from_text("linear:2-2-1", flow=flow)


def test_what_does_not_go_together() -> None:
    with pytest.raises(InputError, match="fades"):
        cq.Problem.from_text("linear:2-2-1", flow="nesterov+decay:1")


@pytest.mark.parametrize(
    "build",
    [
        lambda: Momentum(0.5),  # type: ignore[arg-type]
        lambda: Momentum(Fraction(-1)),
        lambda: Decay(()),
        lambda: Decay(((ALL, Fraction(1)), ("W1", Fraction(1)))),
        lambda: Rates((("W1", Fraction(0)),)),
        lambda: Rates((("W1", 2.0),)),  # type: ignore[arg-type]
    ],
)
def test_numbers_are_exact(build: object) -> None:
    with pytest.raises(InputError):
        build()  # type: ignore[operator]


def test_a_name_that_the_state_needs() -> None:
    """A tensor that is called like a velocity or like the clock is told, not mixed up."""
    flow = Momentum().flow((("W1", (2, 2)), ("V", (2,))))
    names = [name for name, _ in flow.state((("W1", (2, 2)), ("V", (2,))))]
    assert names == ["W1", "V", "W1'", "V'", "time"]
    assert "has a name of the state" in flow.fault((("time", ()), ("W1", (2, 2))))
