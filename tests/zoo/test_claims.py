"""Claims, charts and what they are made of."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from conserved.simulate import GradientFlow, Trajectory
from conserved.zoo.chart import Curve, chart
from conserved.zoo.claim import Claim, all_hold
from conserved.zoo.geometry import at_length, farthest, span_turned, turned, up_to


@pytest.mark.parametrize(
    "relation, measured, holds",
    [
        ("≤", 1.0, True),
        ("≤", 1.0000001, False),
        ("≥", 1.0, True),
        ("≥", 0.9999999, False),
        ("=", 1.0, True),
        ("=", 1.0000001, False),
    ],
)
def test_a_claim_stands_on_its_side_of_the_bound(relation, measured, holds):
    claim = Claim("h", measured, relation, 1.0)
    assert claim.holds is holds
    assert str(claim).startswith("PASS" if holds else "FAIL")
    assert ("not " in claim.numbers) is not holds
    assert claim.to_json()["holds"] is holds


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("relation", ["≤", "≥", "="])
def test_what_is_not_finite_fails_every_claim(value, relation):
    claim = Claim("h", value, relation, 1.0)
    assert not claim.holds
    assert claim.to_json()["measured"] is None


def test_no_claims_is_not_success():
    true = Claim("h", 1, "=", 1)
    assert all_hold([true, true])
    assert not all_hold([true, replace(true, measured=2)])
    assert not all_hold([])


# ------------------------------------------------------------------ geometry


def path(lengths, values):
    """A trajectory of which only the lengths matter."""
    count = len(lengths)
    zeros = np.zeros(count)
    return Trajectory(
        dynamics=GradientFlow(),
        times=zeros,
        steps=np.arange(count),
        lengths=np.array(lengths),
        losses=zeros,
        thetas=np.array(values)[:, None],
        values=(),
        stopped="",
        complete=True,
        evaluations=0,
    )


def test_a_quantity_at_a_length_lies_between_its_neighbours():
    values = np.array([0.0, -3.0, 1.0])
    run = path([0.0, 1.0, 3.0], values)
    assert at_length(run, values, 2.0) == -1.0
    lengths, cut = up_to(run, values, 2.0)
    assert lengths.tolist() == [0.0, 1.0, 2.0]
    assert cut.tolist() == [0.0, -3.0, -1.0]
    assert farthest(run, values, 2.0) == 3.0
    assert farthest(run, values, 0.5) == 1.5


def test_angles_of_spans_agree_with_projectors():
    """The other road: sin of the largest principal angle is ‖Π − Π₀‖₂."""
    rng = np.random.default_rng(0)
    blocks = rng.standard_normal((5, 7, 3))
    blocks[1] = blocks[0] @ rng.standard_normal((3, 3))  # the same span
    projectors = blocks @ np.linalg.pinv(blocks)
    sines = np.linalg.norm(projectors - projectors[0], ord=2, axis=(1, 2))
    angles = span_turned(blocks)
    assert np.allclose(np.sin(np.radians(angles)), sines, atol=1e-12)
    assert angles[1] < 1e-12
    assert angles[2:].min() > 10


def test_small_angles_of_spans_keep_their_digits():
    blocks = np.array([[[1.0], [0.0]], [[1.0], [1e-9]]])
    assert np.isclose(span_turned(blocks)[1], np.degrees(1e-9), rtol=1e-6)


def test_angles_of_vectors_pass_half_a_turn():
    angles = np.radians(np.arange(0, 721, 30.0))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert np.allclose(turned(vectors), np.arange(0, 721, 30.0))


# ------------------------------------------------------------------ charts


def test_a_chart_has_both_ends_of_both_axes_and_every_name():
    x = np.linspace(0, 2, 30)
    curves = [Curve("up", x, x), Curve("flat", x, 0 * x), Curve("also flat", x, 0 * x)]
    text = chart(curves, x="length", y="angle", width=20, height=5)
    lines = text.splitlines()
    assert len(lines) == 8
    assert lines[0] == "angle"
    assert lines[1].startswith("2 │")
    assert lines[1].endswith("up")
    assert lines[5].startswith("0 │")
    assert lines[7].split() == ["0", "length", "2"]
    below = "".join(lines[3:6])
    assert "also flat" in below
    assert "flat" in below.replace("also flat", "")


def test_more_names_than_lines_share_one():
    x = np.array([0.0, 1.0])
    text = chart([Curve(name, x, x) for name in "abc"], x="x", y="y", width=4, height=2)
    assert all(name in text for name in "abc")


def test_a_logarithmic_chart_draws_powers_as_lines():
    x = np.array([1.0, 10.0, 100.0])
    straight = chart([Curve("", np.log10(x), 2 * np.log10(x))], x="", y="").splitlines()[1:11]
    bent = chart([Curve("", x, x**2)], x="", y="", log=True).splitlines()[1:11]
    dots = [[line.partition("│")[2] for line in lines] for lines in (straight, bent)]
    assert dots[0] == dots[1]


def test_a_constant_has_a_chart():
    x = np.array([0.0, 1.0])
    assert "│" in chart([Curve("zero", x, 0 * x)], x="x", y="y")
