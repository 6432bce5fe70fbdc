"""Laws under mirrors of higher power, from those under the entropy.

Under θ_i' = −θ_i^k ∂_i L a function Σ a_i θ_i + Σ b_j θ_j² that is constant for k = 1 (i on
mirrored tensors, j on others) becomes Σ a_i θ_i^{2−k}/(2 − k) + Σ b_j θ_j²: both say that
Σ a_i θ_i ∂_i L + Σ 2 b_j θ_j ∂_j L = 0. For k = 2 it is Σ a_i log θ_i, told as Π θ_i^{a_i} where
there is no b.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import lcm

import numpy as np

from conserved.dynamics import Mirror
from conserved.law import Law, Polynomial, PolynomialLaw, RationalLaw
from conserved.search.ansatz import linear, quadratic
from conserved.search.state import State

_ENTRIES = 40  # degree of the denominator; longer laws are not read


def powers(state: State) -> Iterator[list[Law]]:
    """Laws with θ^{2−k}; none for other flows."""
    flow = state.problem.moves
    if flow.power == 1:
        return
    plain = replace(state.problem, flow=Mirror(flow.mirror))
    inner = State(plain, seed=state.seed, upper=state.upper)
    for way in (quadratic, linear):
        for candidates in way(inner):
            inner.take(candidates)
    places = [state.layout.indices(name).ravel() for name in flow.mirror]
    mirrored = set(np.concatenate(places).tolist())
    found: list[Law] = []
    for law in inner.laws:
        for component in _diagonal(law):
            made = _powered(state, component, mirrored, flow.power)
            found += [made] if made is not None else []
    yield found


def _diagonal(law: Law) -> list[dict[tuple[int, ...], Fraction]]:
    """Functions of a law of single entries and their squares, read off its gradient at whole θ."""
    if isinstance(law, PolynomialLaw):
        return [dict(component.terms) for component in law.components]
    size = law.layout.size
    unit = np.eye(size)
    base = law.gradient(np.zeros(size))
    slopes = np.stack([law.gradient(row) - base for row in unit], axis=1)  # (c, D, D)
    out = []
    for single, second in zip(base, slopes, strict=True):
        if np.abs(second - np.diag(np.diag(second))).any():
            continue
        terms: dict[tuple[int, ...], Fraction] = {}
        terms |= {(i,): Fraction(x).limit_denominator() for i, x in enumerate(single) if x}
        squares = enumerate(np.diag(second) / 2)
        terms |= {(i, i): Fraction(x).limit_denominator() for i, x in squares if x}
        out.append(terms)
    return out


def _powered(
    state: State, terms: dict[tuple[int, ...], Fraction], mirrored: set[int], k: int
) -> Law | None:
    """The law of power k, or None where it is no rational function, or a long one."""
    singles = {m[0]: c for m, c in terms.items() if len(m) == 1 and m[0] in mirrored}
    others = {m: c for m, c in terms.items() if m[0] not in mirrored}
    if len(singles) + len(others) < len(terms) or not singles:
        return None
    if k == 2:
        if others:
            return None
        whole = lcm(*(c.denominator for c in singles.values()))
        sides = [
            tuple(i for i, c in singles.items() for _ in range(max(int(sign * c * whole), 0)))
            for sign in (1, -1)
        ]
        if max(map(len, sides)) > _ENTRIES:
            return None
        above, below = (Polynomial.of({side: 1}) for side in sides)
        if not sides[1]:
            return PolynomialLaw(layout=state.layout, components=(above,))
        return RationalLaw(layout=state.layout, components=((above, below),))
    under = tuple(i for i in singles for _ in range(k - 2))
    if len(under) > _ENTRIES:
        return None
    top = {
        tuple(j for j in singles if j != i for _ in range(k - 2)): c / (2 - k)
        for i, c in singles.items()
    }
    top |= {tuple(sorted((*m, *under))): c for m, c in others.items()}
    pair = (Polynomial.of(top), Polynomial.of({under: 1}))
    return RationalLaw(layout=state.layout, components=(pair,))
