"""Laws of velocities and time: how they are written, what they are, and that runs keep them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import conserved as cq
from conserved.certificate.laws import program_of
from conserved.errors import InputError
from conserved.kernel import check, law, reading
from conserved.kernel.flow import Flow
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.real import Reals
from conserved.kernel.residues import residues
from conserved.law import CrossLaw, CrossTerm, GramLaw, GramTerm, Layout, TimedLaw, law_from_json

LAYOUT = Layout(
    (
        ("W1", (3, 2)),
        ("W2", (1, 3)),
        ("V1", (3, 2)),
        ("V2", (1, 3)),
        ("time", ()),
    )
)
CROSS = CrossLaw(
    layout=LAYOUT,
    terms=(CrossTerm("W1", 0, "V1", 0, 2), CrossTerm("W2", 1, "V2", 1, Fraction(1, 3))),
)
BLOCK = CrossLaw(layout=LAYOUT, terms=(CrossTerm("W1", 0, "V1", 0, 1, (1, 3, 1)),))
GRAM = GramLaw(layout=LAYOUT, terms=(GramTerm("W1", 0), GramTerm("W2", 1, -1)))
LAWS = {
    "cross": CROSS,
    "block": BLOCK,
    "timed": TimedLaw(layout=LAYOUT, law=CROSS, power=3, unit=Fraction(1, 2)),
    "once": TimedLaw(layout=LAYOUT, law=GRAM, power=1, unit=Fraction(0)),
    "falling": TimedLaw(layout=LAYOUT, law=GRAM, power=-2, unit=Fraction(1)),
}

TEXTS = [
    ("linear:2-3-2", "momentum:1/2", ["e^{t/2} (W1 V1ᵀ − V1 W1ᵀ + W2ᵀ V2 − V2ᵀ W2)"]),
    ("linear:2-3-2", "momentum:0", ["W1 V1ᵀ − V1 W1ᵀ + W2ᵀ V2 − V2ᵀ W2"]),
    (
        "linear:1-2-1",
        "nesterov",
        [
            "t³ (W1 V1ᵀ − V1 W1ᵀ + W2ᵀ V2 − V2ᵀ W2)",
            "t³ (W1 V2 − V2ᵀ W1ᵀ + W2ᵀ V1ᵀ − V1 W2)",
        ],
    ),
    ("linear:2-3-2", "decay:1/3", ["e^{2t/3} (W1 W1ᵀ − W2ᵀ W2)"]),
    ("linear:2-3-2", "rates:W1=3,W2=7", ["1/3 W1 W1ᵀ − 1/7 W2ᵀ W2"]),
    ("relu:2-3-2", "decay:1", ["e^{2t} (‖W1[j,:]‖² − ‖W2[:,j]‖²), j = 1 … 3"]),
    ("linear:1-4-2", "mirror", ["W1[j,1] − W2[1,j] − W2[2,j], j = 1 … 4"]),
]


@pytest.mark.parametrize("network, flow, texts", TEXTS)
def test_how_they_are_written(network: str, flow: str, texts: list[str]) -> None:
    found = cq.analyze(cq.Problem.from_text(network, flow=flow))
    assert [line.text for line in cq.law.lines.lines(found.laws)] == texts


@pytest.mark.parametrize("name", list(LAWS))
def test_what_defines_them_is_all_there_is(name: str) -> None:
    one = LAWS[name]
    again = law_from_json(one.to_json(), LAYOUT)
    assert again == one
    assert len(one.labels()) == one.size


@pytest.mark.parametrize("name", list(LAWS))
def test_values_gradients_and_programs_agree(name: str) -> None:
    one = LAWS[name]
    scalars = residues(BLAS_PRIMES[0])
    rng = np.random.default_rng(0)
    theta, along = scalars.random(rng, (1, LAYOUT.size)), scalars.random(rng, (4, LAYOUT.size))
    gradients = one.gradients(scalars, theta[0])
    slopes = one.derivative(scalars, theta[0], along)
    assert not scalars.reduce(slopes - scalars.matmul(along, gradients.T)).any()
    program = program_of(one)
    assert not scalars.reduce(
        law.values(program, scalars, theta) - one.values(scalars, theta)
    ).any()
    assert not scalars.reduce(law.derivative(program, scalars, theta[0], along) - slopes).any()


@pytest.mark.parametrize("name", list(LAWS))
def test_gradients_are_those_of_the_values(name: str) -> None:
    one, step = LAWS[name], 1e-6
    theta = np.random.default_rng(1).uniform(0.5, 1.5, LAYOUT.size)
    steps = step * np.eye(LAYOUT.size)
    slopes = (one.value(theta + steps) - one.value(theta - steps)) / (2 * step)
    np.testing.assert_allclose(one.gradients(Reals(), theta), slopes.T, rtol=1e-6, atol=1e-7)


def test_what_is_no_law_is_refused() -> None:
    with pytest.raises(InputError, match="power"):
        TimedLaw(layout=LAYOUT, law=GRAM, power=0, unit=Fraction(1))
    with pytest.raises(InputError, match="without time"):
        TimedLaw(layout=LAYOUT, law=LAWS["once"], power=1, unit=Fraction(1))
    with pytest.raises(InputError, match="slices of one length"):
        CrossLaw(layout=LAYOUT, terms=(CrossTerm("W1", 0, "V2", 1),))
    lone = Layout(LAYOUT.tensors[:2])
    with pytest.raises(InputError, match="time"):
        TimedLaw(layout=lone, law=replace(GRAM, layout=lone), power=1, unit=Fraction(1))


def test_verification_refuses_wrong_signs_and_powers() -> None:
    problem = cq.Problem.from_text("linear:2-3-1", flow="momentum:1/2")
    assert problem.state == LAYOUT
    right = CrossLaw(
        layout=LAYOUT, terms=(CrossTerm("W1", 0, "V1", 0), CrossTerm("W2", 1, "V2", 1))
    )
    flipped = replace(right, terms=(right.terms[0], replace(right.terms[1], coefficient=-1)))

    def timed(inner: CrossLaw, power: int) -> TimedLaw:
        return TimedLaw(layout=LAYOUT, law=inner, power=power, unit=Fraction(1, 2))

    laws = [timed(right, 1), timed(flipped, 1), timed(right, 2), right]
    assert cq.verify(problem, laws).holds == (True, False, False, False)


def test_the_kernel_refuses_another_flow() -> None:
    made = cq.analyze(cq.Problem.from_text("linear:2-3-2", flow="momentum:1/2")).certificate
    assert check.check(made.stated, seed=1).status == "CERTIFIED"
    document = made.to_json()
    assert reading.read_json(document).statement.flow == Flow(friction=Fraction(1, 2))
    document["flow"] |= {"friction": "3", "fading": True}  # t³, not t
    assert check.check(reading.read_json(document), seed=1).status == "REFUTED"
    document["flow"] |= {"friction": "1/2", "fading": False, "mirror": ["W1"]}
    assert check.check(reading.read_json(document), seed=1).status == "REFUTED"


@pytest.mark.parametrize(
    "key, value, told",
    [
        ("friction", "-1", "at least 0"),
        ("friction", 0.5, "fraction"),
        ("friction", "10000000000", "at most"),
        ("mirror", ["W9"], "there is no W9"),
        ("decay", [["W1", "0"]], "above 0"),
        ("rates", [["W1", "1"], ["W1", "2"]], "above 0"),
        ("fading", "yes", "true or false"),
        ("speed", 1, "unknown key"),
    ],
)
def test_flows_in_files_are_read_with_care(key: str, value: object, told: str) -> None:
    made = cq.analyze(cq.Problem.from_text("linear:2-2-1", flow="momentum:1/2")).certificate
    document = made.to_json()
    document["flow"][key] = value
    with pytest.raises(InputError, match=told):
        reading.read_json(document)


# ------------------------------------------------------------------ along a real run


def run(flow: str, seed: int = 0) -> tuple[cq.Analysis, np.ndarray]:
    """The laws of linear 2-3-2, and states along its equation on a dataset of 5."""
    found = cq.analyze(cq.Problem.from_text("linear:2-3-2", flow=flow))
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    name, _, told = flow.partition(":")
    number = float(Fraction(told)) if told else 3.0
    second = name != "decay"

    def pull(theta: np.ndarray) -> np.ndarray:
        w1, w2 = theta[:6].reshape(3, 2), theta[6:12].reshape(2, 3)
        left = x @ w1.T @ w2.T - y
        return np.concatenate([(w2.T @ left.T @ x).ravel(), (left.T @ x @ w1.T).ravel()])

    def motion(t: float, z: np.ndarray) -> np.ndarray:
        if not second:
            return -number * z - pull(z)
        friction = number / t if name == "nesterov" else number
        return np.concatenate([z[12:], -friction * z[12:] - pull(z[:12])])

    start = 0.5 * rng.standard_normal(24 if second else 12)
    times = np.linspace(0.5, 2.5, 9)
    solved = solve_ivp(
        motion, (0.5, 2.5), start, t_eval=times, method="DOP853", rtol=1e-12, atol=1e-13
    )
    unit = float(found.problem.moves.unit)
    clock = np.exp(unit * times) if unit else times
    return found, np.concatenate([solved.y, clock[None]]).T


@pytest.mark.parametrize("flow", ["momentum:1/2", "momentum:0", "nesterov", "decay:1/3"])
def test_they_stay_along_a_run(flow: str) -> None:
    found, states = run(flow)
    assert found.count.written == found.count.upper
    for one in found.laws:
        values = one.value(states)
        assert np.ptp(values, axis=0).max() < 1e-9
        assert np.abs(values).max() > 1e-2
        if isinstance(one, TimedLaw):  # without its time it does not
            assert np.ptp(one.law.value(states), axis=0).max() > 1e-2
