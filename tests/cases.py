"""Solved problems with their sources: one table that drives the tests (``cases.json``)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

import conserved as cq


@dataclass(frozen=True)
class Case:
    """A problem whose answer is known.

    Args:
        network, symmetry, labels, loss: as typed on the command line.
        laws: independent laws for the data class asked for.
        architecture: independent laws for all data.
        needs: "engine" (explicit orbits suffice) or "lift" (the moment route).
        source: where the numbers come from.
    """

    network: str
    symmetry: str
    labels: str
    loss: str
    laws: int
    architecture: int
    needs: str
    source: str

    @property
    def id(self) -> str:
        """Its text form, without what is the default."""
        words = [self.network]
        words += [] if self.symmetry == "none" else [self.symmetry]
        words += [] if self.labels == "invariant" else [self.labels]
        words += [] if self.loss == "mse" else [self.loss]
        return " ".join(words)

    def problem(self) -> cq.Problem:
        return cq.Problem.from_text(
            self.network, loss=self.loss, symmetry=self.symmetry, labels=self.labels
        )


def _load() -> tuple[Case, ...]:
    rows = json.loads(Path(__file__).with_name("cases.json").read_text("utf-8"))["cases"]
    names = [field.name for field in fields(Case)]
    return tuple(Case(**{name: row[name] for name in names}) for row in rows)


CASES = _load()
ENGINE = tuple(case for case in CASES if case.needs == "engine")


def params(cases: tuple[Case, ...] = ENGINE) -> list[object]:
    """The cases for ``pytest.mark.parametrize``, with ids."""
    return [pytest.param(case, id=case.id) for case in cases]


def sweep(values: Iterable[Any], every: int) -> list[Any]:
    """The values of a swept range for ``parametrize``: one of so many each time, all when slow."""
    return [
        value if k % every == 0 else pytest.param(*_row(value), marks=pytest.mark.slow)
        for k, value in enumerate(values)
    ]


def _row(value: Any) -> tuple[Any, ...]:
    return value if type(value) is tuple else (value,)
