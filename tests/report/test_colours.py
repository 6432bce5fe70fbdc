"""Colours that can be read and told apart, on paper and on a dark screen, by every kind of eye."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from conserved.report import page
from conserved.report.page import DASHES
from conserved.report.plots import CURVES

STYLE = (page.ASSETS / "report.css").read_text("utf-8")
Colour = NDArray[np.float64]

# Machado, Oliveira, Fernandes (2009), severity 1, on linear RGB.
EYES = {
    "common": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def palette(mode: str) -> dict[str, str]:
    light, dark = re.findall(r":root[^{]*\{(.*?)\}", STYLE, re.DOTALL)[:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    if mode == "dark":
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))
    return found


def linear(colour: str) -> Colour:
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: (L1 + 0.05) / (L2 + 0.05)."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    a, b = sorted((float(linear(c) @ weights) for c in (one, other)), reverse=True)
    return (a + 0.05) / (b + 0.05)


def lab(rgb: Colour) -> Colour:
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str, eye: str) -> float:
    """CIE76 ΔE as that eye sees it; 2.3 is just noticeable."""
    a, b = (lab(np.array(EYES[eye]) @ linear(c)) for c in (one, other))
    return float(np.linalg.norm(a - b))


def test_the_measures_are_right() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert distance("#ff0000", "#00ff00", "common") == pytest.approx(170.5, abs=1)
    red, green = "#b03030", "#4f7a20"  # a pair that deutans mix up
    assert distance(red, green, "common") > 3 * distance(red, green, "deutan")


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_has_contrast(mode: str) -> None:
    colours = palette(mode)
    for name in ("ink", "muted", "accent", "sure", "unsure", "s0", "s1"):
        for ground in ("paper", "raised"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_curves_stand_out_and_apart(mode: str) -> None:
    colours = palette(mode)
    curves = [colours[f"s{i}"] for i in range(CURVES)]
    for curve in curves:
        assert contrast(curve, colours["paper"]) >= 3
    for eye in EYES:
        for one, other in combinations(curves[:3], 2):
            assert distance(one, other, eye) > 20, (eye, one, other)


def test_curves_differ_without_colour() -> None:
    assert len(set(DASHES)) == len(DASHES) == CURVES


def test_the_dark_palette_is_for_screens_only() -> None:
    assert re.search(r"@media screen and \(prefers-color-scheme: dark\)", STYLE)
    assert Path(page.ASSETS, "report.css").is_file()
