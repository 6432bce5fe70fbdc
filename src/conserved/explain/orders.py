"""Why no range survives: the loss sees forms of too high an order (theory §6).

A linear network sees invariants of degree 2 in the data, and with them the group K of all
isometries that keep the isotypic blocks of the features: O(n) when the data's group is irreducible,
a product of smaller ones when it is not. A loss that sees a form of higher degree which G keeps and
K does not keep has less symmetry than K. Here one such form is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from math import comb

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.deadline import check_time
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array
from conserved.losses import PolynomialLoss
from conserved.networks.lift import MonomialLift
from conserved.networks.lightning import LightningLift
from conserved.networks.linear import Linear
from conserved.networks.linear_form import Lift
from conserved.networks.monomials import Monomials
from conserved.notation import Formula, Name, Power, Product, Sum, text
from conserved.problem import Problem
from conserved.search.lifted import Lifted, LiftReport, feature_isometries, splitting_scalars
from conserved.search.null import as_fractions, integral
from conserved.symmetry.invariants import Action, applied, invariant_forms

_MOST_FORMS = 2000  # monomials among which an invariant is looked for
_TERMS = 4  # of a form that is written out
_DATA = 4  # random inputs at which a form has to change
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_NOTHING_TURNS = (
    "No continuous group keeps the second moments of data under {group}, so no range is conserved."
)


def order_reason(lifted: Lifted, report: LiftReport) -> list[str]:
    """One sentence that names a form which the data's group keeps and K does not, or none."""
    problem, lift = lifted.problem, lifted.space.lift
    nothing = [_NOTHING_TURNS.format(group=problem.group.name)]
    if lift.dimension == lift.input_shape[-1]:  # degree 2 already
        return [] if report.unseen else nothing
    companions, algebra = companion(lifted.scalars, problem)
    if not len(algebra):
        return nothing
    if report.unseen is None or report.unseen >= len(algebra):
        return []
    named = _named(lifted.scalars, problem, form_spaces(lift), companions, algebra)
    return named or [
        f"The loss sees forms of higher degree than {companions} keeps, so no range is conserved."
    ]


def ladder_reason(problem: Problem) -> list[str]:
    """The form of least degree that a loss of degree q sees, G keeps and K does not, or none.

    Such a loss sees f^k for k ≤ q, so forms of k times the degree of f in the input (theory §4).
    """
    lift, loss, n = problem.network.lift(), problem.loss, problem.network.input_shape[-1]
    power = lift.power if isinstance(lift, MonomialLift) else None
    if power is None or not isinstance(loss, PolynomialLoss):
        return []
    if problem.labels.name != "invariant" or comb(n, 2) > _MOST_FORMS:
        return []
    scalars = splitting_scalars(problem)
    companions, algebra = companion(scalars, problem)
    if not len(algebra):
        return [_NOTHING_TURNS.format(group=problem.group.name)]
    degrees = (times * power for times in range(1, loss.degree + 1))
    spaces = takewhile(bool, (_in_inputs(n, degree) for degree in degrees))
    return _named(scalars, problem, spaces, companions, algebra)


def companion(scalars: Residues, problem: Problem) -> tuple[str, Array]:
    """K in words, and its Lie algebra (s, n, n): what a linear network does not see."""
    n = problem.network.input_shape[-1]
    linear = Lifted(Problem(network=Linear(n, 1), symmetry=problem.group), scalars)
    acting = [block.symmetry[0] for block in linear.features[0] if block.symmetry[1]]
    groups = (name.replace("so", "O").replace("sp", "Sp").replace("u", "U") for name in acting)
    return " × ".join(groups), feature_isometries(linear.fields)[:, :n, :n]


def _named(
    scalars: Residues,
    problem: Problem,
    spaces: Iterable[_Forms | None],
    companions: str,
    algebra: Array,
) -> list[str]:
    """A sentence on the first form that K does not keep."""
    for forms in spaces:
        example = example_of(scalars, problem, forms, algebra) if forms else ""
        if forms and example:
            return [
                f"The order is too high for {companions}: this loss sees forms of degree "
                f"{forms.degree} in the input, and {problem.group.name} keeps {example}"
                f"{forms.where}, which {companions} does not keep."
            ]
    return []


@dataclass(frozen=True)
class _Forms:
    """Polynomials in the data, as combinations of monomials on which the group acts.

    Attributes:
        degree: in the input.
        dimension: how many monomials.
        moved: what matrices (g, n, n) on features do to the vector of monomials.
        turned: the derivative of that.
        values: the monomials at inputs (count, *input): (count, dimension).
        monomial: one of them as a formula.
        labelled: whether a label multiplies them, and has to be kept as well.
        where: what the letters mean, for the end of a form.
    """

    degree: int
    dimension: int
    moved: Callable[[Residues, Array], Array]
    turned: Callable[[Residues, Array], Array]
    values: Callable[[Residues, Array], Array]
    monomial: Callable[[int], Formula]
    labelled: bool = False
    where: str = ""


def _in_inputs(n: int, degree: int, labelled: bool = False) -> _Forms | None:
    """All forms of one degree in n features, unless they are too many."""
    if comb(n + degree - 1, degree) > _MOST_FORMS:
        return None
    forms, letters = Monomials(n, degree), [f"x{_low(i)}" for i in range(n)]

    def monomial(index: int) -> Formula:
        return _product(letters, forms.exponents[index].tolist())

    acts = forms.representation, forms.derivative, forms.values
    return _Forms(degree, forms.dimension, *acts, monomial, labelled)


def _in_tokens(lift: LightningLift) -> _Forms:
    """The entries x_a Z_bc of Φ for lightning attention."""

    def monomial(index: int) -> Formula:
        a, pair = divmod(index, len(lift.pairs))
        return _product([f"x{_low(a)}", _entry(*lift.pairs[pair])], [1, 1])

    def values(scalars: Residues, x: Array) -> Array:
        return lift.features(scalars, x)[:, 0]

    acts = lift.representation, lift.derivative, values
    return _Forms(3, lift.dimension, *acts, monomial, True, " (x a token, Z = XᵀX)")


def _in_products(lift: LightningLift) -> _Forms | None:
    """Products of two entries of Φ for lightning attention: cubic forms in Z = XᵀX."""
    names = [_entry(b, c) for b, c in lift.pairs]
    cubes = _in_inputs(len(names), 3)
    if cubes is None:
        return None
    squares, forms = lift.squares, Monomials(len(names), 3)
    return replace(
        cubes,
        degree=6,
        moved=lambda scalars, g: cubes.moved(scalars, squares.representation(scalars, g)),
        turned=lambda scalars, g: cubes.turned(scalars, squares.derivative(scalars, g)),
        values=lambda scalars, x: cubes.values(scalars, lift.gram(scalars, x)),
        monomial=lambda index: _product(names, forms.exponents[index].tolist()),
        where=" (Z = XᵀX)",
    )


def form_spaces(lift: Lift) -> Iterator[_Forms]:
    """The forms that the loss sees, those of lower degree first."""
    spaces: list[_Forms | None] = []
    if isinstance(lift, MonomialLift) and lift.power:
        (n,) = lift.input_shape
        spaces = [_in_inputs(n, lift.power, True), _in_inputs(n, 2 * lift.power)]
    elif isinstance(lift, LightningLift):
        spaces = [_in_tokens(lift), _in_products(lift)]
    yield from (forms for forms in spaces if forms is not None)


def example_of(scalars: Residues, problem: Problem, forms: _Forms, algebra: Array) -> str:
    """A short form that the group keeps and the algebra (s, n, n) does not, or ""."""
    group = problem.group
    signs = np.ones(len(group.signs), dtype=np.int64)
    if forms.labelled:
        if problem.labels.name not in ("invariant", "sign"):
            return ""
        signs = np.array(group.signs if problem.labels.name == "sign" else signs)
    moved = forms.moved(scalars, group.generators(scalars))
    turned = forms.turned(scalars, group.infinitesimal(scalars))
    none = np.zeros((len(turned), 1, 1), dtype=scalars.dtype)
    label = Action(scalars.from_integers(signs).reshape(-1, 1, 1), none)
    # rows c with cᵀ ρ(g) = ± cᵀ
    dual = Action(moved.swapaxes(-1, -2), turned.swapaxes(-1, -2))
    kept = invariant_forms(scalars, label, dual)[:, 0]
    lost = kept[_is_moved(scalars, problem, forms, kept, algebra)]
    texts = [_written(scalars, forms, row) for row in lost]
    short = min(filter(None, texts), key=len, default=f"a form of degree {forms.degree}")
    return short if texts else ""


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


def _written(scalars: Residues, forms: _Forms, row: Array) -> str:
    """A form with small rational coefficients as text, cut when long; "" for any other."""
    vectors = as_fractions(row[None], scalars)
    if not vectors:
        return ""
    terms = integral(vectors[0])
    shown = terms if len(terms) <= _TERMS + 1 else terms[:_TERMS]
    told = tuple((value, forms.monomial(index)) for index, value in shown)
    return text(Sum(told, len(terms) - len(shown)))


def _product(names: list[str], powers: list[int]) -> Formula:
    """The monomial with these powers of the variables named."""
    factors = tuple(
        Name.of(name) if power == 1 else Power(Name.of(name), power)
        for name, power in zip(names, powers, strict=True)
        if power
    )
    return factors[0] if len(factors) == 1 else Product(factors)


def _low(index: int) -> str:
    return str(index + 1).translate(_LOWERED)


def _entry(b: int, c: int) -> str:
    """Z_bc; with a comma where an index has two digits."""
    comma = "," if max(b, c) >= 9 else ""
    return f"Z{_low(b)}{comma}{_low(c)}"
