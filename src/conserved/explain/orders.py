"""Why no range survives: the loss sees forms of too high an order (theory §6).

A linear network sees invariants of degree 2 in the data, and with them the group K of all
isometries that keep the isotypic blocks of the features: O(n) when the data's group is irreducible,
a product of smaller ones when it is not. A loss that sees a form of higher degree which G keeps and
K does not keep has less symmetry than K. Here one such form is named.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from math import comb, gcd, lcm

import numpy as np
from numpy.typing import NDArray

from conserved.arithmetic.exact import rational_reconstruction
from conserved.fields import MomentSpace
from conserved.kernel.deadline import check_time
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array
from conserved.lifted import LiftReport, splitting_scalars
from conserved.losses import PolynomialLoss
from conserved.networks.base import Lift
from conserved.networks.lift import Monomials, PolynomialLift
from conserved.networks.lightning import LightningLift
from conserved.problem import Problem
from conserved.symmetry.invariants import Action, applied, invariant_forms, kernel
from conserved.symmetry.isotypic import Block, isotypic_blocks

_MOST_FORMS = 2000  # monomials among which an invariant is looked for
_TERMS = 4  # of a form that is written out
_SMALL = 1000  # numerators and denominators of a form that is written out
_DATA = 4  # random inputs at which a form has to change
_NOTHING_TURNS = (
    "No continuous group keeps the second moments of data under {group}, so no range is conserved."
)


def order_reason(
    scalars: Residues, problem: Problem, space: MomentSpace, report: LiftReport
) -> list[str]:
    """One sentence that names a form which the data's group keeps and K does not, or none."""
    lift = space.lift
    n = lift.network.input_shape[-1]
    if lift.dimension == n:  # degree 2 already
        return [] if report.unseen else [_NOTHING_TURNS.format(group=problem.group.name)]
    blocks = _blocks_of(scalars, problem)
    turning = sum(block.symmetry[1] for block in blocks)
    if not turning:
        return [_NOTHING_TURNS.format(group=problem.group.name)]
    if report.unseen is None or report.unseen >= turning:
        return []
    algebra = _isometries(scalars, problem)
    companions = " × ".join(_group_name(block) for block in blocks if block.symmetry[1])
    for forms in _form_spaces(lift):
        example = _example(scalars, problem, forms, algebra)
        if example:
            return [
                f"The order is too high for {companions}: this loss sees forms of degree "
                f"{forms.degree} in the input, and {problem.group.name} keeps {example}"
                f"{forms.where}, which {companions} does not keep."
            ]
    return [
        f"The loss sees forms of higher degree than {companions} keeps, so no range is conserved."
    ]


def ladder_reason(problem: Problem) -> list[str]:
    """The form of least degree that a loss of degree q sees, G keeps and K does not, or none.

    Such a loss sees f^k for k ≤ q, so forms of k times the degree of f in the input (theory §4).
    """
    lift, loss = problem.network.lift(), problem.loss
    known = isinstance(lift, PolynomialLift) and isinstance(loss, PolynomialLoss)
    if not known or problem.labels.name != "invariant":
        return []
    assert isinstance(lift, PolynomialLift)
    assert isinstance(loss, PolynomialLoss)
    scalars = splitting_scalars(problem)
    algebra = _isometries(scalars, problem)
    if not len(algebra):
        return [_NOTHING_TURNS.format(group=problem.group.name)]
    blocks = _blocks_of(scalars, problem)
    companions = " × ".join(_group_name(block) for block in blocks if block.symmetry[1])
    for times in range(1, loss.degree + 1):
        degree = times * lift.degree
        if comb(lift.monomials.variables + degree - 1, degree) > _MOST_FORMS:
            break
        example = _example(scalars, problem, _Powers(lift, times), algebra)
        if example:
            return [
                f"The order is too high for {companions}: this loss sees forms of degree {degree} "
                f"in the input, and {problem.group.name} keeps {example}, which {companions} does "
                "not keep."
            ]
    return []


class _Forms(ABC):
    """Polynomials in the data, as combinations of monomials on which the group acts.

    Attributes:
        degree: in the input.
        dimension: how many monomials.
        labelled: whether a label multiplies them, and has to be kept as well.
        where: what the letters mean, for the end of a form.
    """

    degree: int
    dimension: int
    labelled = False
    where = ""

    @abstractmethod
    def moved(self, scalars: Residues, matrices: Array) -> Array:
        """What matrices (g, n, n) on features do to the vector of monomials."""

    @abstractmethod
    def turned(self, scalars: Residues, generators: Array) -> Array:
        """The derivative of that."""

    @abstractmethod
    def values(self, scalars: Residues, x: Array) -> Array:
        """The monomials at inputs (count, *input): (count, dimension)."""

    @abstractmethod
    def monomial(self, index: int) -> str:
        """One of them as text."""


class _Labelled(_Forms):
    """The entries of Φ, which labels multiply."""

    labelled = True

    def __init__(self, lift: PolynomialLift | LightningLift) -> None:
        self.lift = lift
        self.dimension = lift.dimension
        self.degree = lift.degree if isinstance(lift, PolynomialLift) else 3
        self.where = "" if isinstance(lift, PolynomialLift) else " (x a token, Z = XᵀX)"

    def moved(self, scalars: Residues, matrices: Array) -> Array:
        return self.lift.representation(scalars, matrices)

    def turned(self, scalars: Residues, generators: Array) -> Array:
        return self.lift.derivative(scalars, generators)

    def values(self, scalars: Residues, x: Array) -> Array:
        return self.lift.features(scalars, x)[:, 0]

    def monomial(self, index: int) -> str:
        lift = self.lift
        if isinstance(lift, PolynomialLift):
            return _product(_letters(lift), lift.exponents[index].tolist())
        a, pair = divmod(index, len(lift.pairs))
        return f"x{_low(a)} {_entry(*lift.pairs[pair])}"


class _Powers(_Forms):
    """Products of entries of Φ for a polynomial network: all forms of a multiple of its degree."""

    def __init__(self, lift: PolynomialLift, times: int) -> None:
        self.lift = lift
        self.degree = times * lift.degree
        self.forms = Monomials(lift.monomials.variables, self.degree)
        self.dimension = self.forms.dimension

    def moved(self, scalars: Residues, matrices: Array) -> Array:
        return self.forms.representation(scalars, matrices)

    def turned(self, scalars: Residues, generators: Array) -> Array:
        return self.forms.derivative(scalars, generators)

    def values(self, scalars: Residues, x: Array) -> Array:
        return self.forms.values(scalars, x)

    def monomial(self, index: int) -> str:
        return _product(_letters(self.lift), self.forms.exponents[index].tolist())


class _Cubic(_Forms):
    """Products of two entries of Φ for lightning attention: cubic forms in Z = XᵀX."""

    degree = 6
    where = " (Z = XᵀX)"

    def __init__(self, lift: LightningLift) -> None:
        self.lift = lift
        self.cubes = Monomials(len(lift.pairs), 3)
        self.dimension = self.cubes.dimension

    def moved(self, scalars: Residues, matrices: Array) -> Array:
        on_gram = self.lift.squares.representation(scalars, matrices)
        return self.cubes.representation(scalars, on_gram)

    def turned(self, scalars: Residues, generators: Array) -> Array:
        on_gram = self.lift.squares.derivative(scalars, generators)
        return self.cubes.derivative(scalars, on_gram)

    def values(self, scalars: Residues, x: Array) -> Array:
        return self.cubes.values(scalars, self.lift.gram(scalars, x))

    def monomial(self, index: int) -> str:
        names = [_entry(b, c) for b, c in self.lift.pairs]
        return _product(names, self.cubes.exponents[index].tolist())


def _form_spaces(lift: Lift) -> Iterator[_Forms]:
    """The forms that the loss sees, those of lower degree first."""
    if isinstance(lift, PolynomialLift):
        n = lift.monomials.variables
        if lift.dimension <= _MOST_FORMS:
            yield _Labelled(lift)
        if comb(n + 2 * lift.degree - 1, 2 * lift.degree) <= _MOST_FORMS:
            yield _Powers(lift, 2)
    if isinstance(lift, LightningLift):
        yield _Labelled(lift)
        if comb(len(lift.pairs) + 2, 3) <= _MOST_FORMS:
            yield _Cubic(lift)


def _example(scalars: Residues, problem: Problem, forms: _Forms, algebra: Array) -> str:
    """A short form that the group keeps and the algebra (s, n, n) does not, or ""."""
    group = problem.group
    signs = np.ones(len(group.signs), dtype=np.int64)
    if forms.labelled:
        if problem.labels.name not in ("invariant", "sign"):
            return ""
        signs = np.array(group.signs if problem.labels.name == "sign" else signs)
    moves = forms.moved(scalars, group.generators(scalars))
    one = np.eye(forms.dimension, dtype=scalars.dtype)
    images = [scalars.reduce(sign * move - one) for sign, move in zip(signs, moves, strict=True)]
    images += list(forms.turned(scalars, group.infinitesimal(scalars)))
    if not images:
        return ""
    kept = kernel(scalars, np.concatenate(images, axis=1))  # rows c with cᵀ ρ(g) = ± cᵀ
    moved = _is_moved(scalars, problem, forms, kept, algebra)
    texts = [_written(scalars, forms, row) for row in kept[moved]]
    if not texts:
        return ""
    return min(
        (text for text in texts if text), key=len, default=f"a form of degree {forms.degree}"
    )


def _is_moved(
    scalars: Residues, problem: Problem, forms: _Forms, rows: Array, algebra: Array
) -> NDArray[np.bool_]:
    """Which forms change along the algebra at some data; those that data never reach do not."""
    rng = np.random.default_rng(0)
    x = scalars.random(rng, (_DATA, *problem.network.input_shape))
    values = forms.values(scalars, x).T
    moved = np.zeros(len(rows), dtype=np.bool_)
    for generator in algebra:
        check_time()
        (turned,) = forms.turned(scalars, generator[None])
        (slopes,) = applied(scalars, turned, values[None])
        moved |= scalars.matmul(rows, slopes).any(axis=1)
    return moved


def _blocks_of(scalars: Residues, problem: Problem) -> list[Block]:
    """The isotypic blocks of the features under the group itself."""
    family = _second_moments(scalars, problem)
    ones = np.ones(family.shape[-1], dtype=scalars.dtype)
    return isotypic_blocks(scalars, family, ones, np.random.default_rng(0))


def _second_moments(scalars: Residues, problem: Problem) -> Array:
    group = problem.group
    action = Action(group.generators(scalars), group.infinitesimal(scalars))
    return invariant_forms(scalars, action, action, symmetric=True)


def _isometries(scalars: Residues, problem: Problem) -> Array:
    """The Lie algebra of K: antisymmetric matrices that commute with the second moments."""
    family = _second_moments(scalars, problem)
    n = family.shape[-1]
    pairs = list(combinations(range(n), 2))
    basis = np.zeros((len(pairs), n, n), dtype=scalars.dtype)
    for one, (i, j) in zip(basis, pairs, strict=True):
        one[i, j], one[j, i] = scalars.from_integers([1, -1])
    for moment in family:
        if not len(basis):
            break
        twisted = scalars.matmul(basis, moment)
        # X S − S X = X S + (X S)ᵀ for antisymmetric X and symmetric S
        defects = scalars.reduce(twisted + twisted.swapaxes(-1, -2))
        solutions = kernel(scalars, defects.reshape(len(basis), -1))
        basis = scalars.matmul(solutions, basis.reshape(len(basis), -1)).reshape(-1, n, n)
    return basis


def _group_name(block: Block) -> str:
    if block.kind == "complex":
        return f"U({block.dimension // 2})"
    if block.kind == "quaternionic":
        return f"Sp({block.dimension // 4})"
    return f"O({block.dimension})"


def _written(scalars: Residues, forms: _Forms, row: Array) -> str:
    """A form with small rational coefficients as text, cut when long; "" for any other."""
    terms = []
    for index in np.flatnonzero(row):
        residue = int(scalars.canonical(row[index : index + 1])[0])
        value = rational_reconstruction(residue, int(scalars.prime), _SMALL)
        if value is None:
            return ""
        terms.append((value, int(index)))
    scale = Fraction(
        lcm(*(value.denominator for value, _ in terms)),
        gcd(*(value.numerator for value, _ in terms)),
    )
    scale = -scale if terms[0][0] < 0 else scale
    terms = [(scale * value, index) for value, index in terms]
    shown = terms if len(terms) <= _TERMS + 1 else terms[:_TERMS]
    text = " + ".join(f"{_factor(value)}{forms.monomial(index)}" for value, index in shown)
    text = text.replace("+ -", "− ")
    return text if len(shown) == len(terms) else f"{text} + … ({len(terms)} terms)"


def _factor(value: object) -> str:
    text = str(value)
    return {"1": "", "-1": "-"}.get(text, f"{text} ")


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _product(names: list[str], powers: list[int]) -> str:
    """The monomial with these powers of the variables named."""
    parts = [
        name if power == 1 else f"{name}{str(power).translate(_RAISED)}"
        for name, power in zip(names, powers, strict=True)
        if power
    ]
    return " ".join(parts)


def _letters(lift: PolynomialLift) -> list[str]:
    return [f"x{_low(i)}" for i in range(lift.monomials.variables)]


def _low(index: int) -> str:
    return str(index + 1).translate(_LOWERED)


def _entry(b: int, c: int) -> str:
    """Z_bc; with a comma where an index has two digits."""
    comma = "," if max(b, c) >= 9 else ""
    return f"Z{_low(b)}{comma}{_low(c)}"
