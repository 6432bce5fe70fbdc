"""Formulas that differ in whole numbers become one with an index, and only those."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from conserved.notation import (
    Affine,
    Block,
    Family,
    Formula,
    Item,
    Name,
    Power,
    Sum,
    Total,
    gathered,
    listed,
    text,
    totalled,
)
from conserved.notation.tree import mapped

ONE = Fraction(1)


def entry(tensor: str, *numbers: int) -> Formula:
    return Item(Name.of(tensor), tuple(Affine(n) for n in numbers))


def told(*formulas: Formula) -> list[str]:
    return [text(formula) for formula, _ in gathered(formulas)]


def difference(first: Formula, second: Formula) -> Formula:
    return Sum(((ONE, first), (-ONE, second)))


def test_entries() -> None:
    assert told(*(entry("b", i) for i in (3, 4, 5))) == ["b[j], j = 3 … 5"]
    assert told(*(difference(entry("b", i), entry("c", i)) for i in (1, 2))) == [
        "b[j] − c[j], j = 1 … 2"
    ]


def test_steps_other_than_one() -> None:
    assert told(*(entry("b", i) for i in (2, 5, 8))) == ["b[3j−1], j = 1 … 3"]
    assert told(*(entry("b", i, 7 - i) for i in (1, 2, 3))) == ["b[j,7−j], j = 1 … 3"]


def test_a_table_of_entries() -> None:
    every = [entry("w", i, j) for i in (1, 2, 3) for j in (1, 2)]
    assert told(*every) == ["w[i,j], j = 1 … 2, i = 1 … 3"]


def test_what_breaks_the_pattern_stands_alone() -> None:
    assert told(*(entry("b", i) for i in (1, 2, 3, 7, 20))) == [
        "b[j], j = 1 … 3",
        "b[13j−6], j = 1 … 2",
    ]
    assert told(entry("b", 1), entry("c", 2), entry("b", 2)) == ["b[j], j = 1 … 2", "c[2]"]
    assert told(entry("b", 1), Power(entry("b", 2), 2)) == ["b[1]", "b[2]²"]
    assert told(entry("b", 1), entry("b", 1)) == ["b[1]", "b[1]"]


def test_layers_from_three_on() -> None:
    layers = [
        difference(Name.of(f"layers.{k}.weight"), Name.of(f"layers.{k + 1}.weight"))
        for k in range(3)
    ]
    assert told(*layers) == ["layers.{l}.weight − layers.{l+1}.weight, l = 0 … 2"]
    assert len(told(*layers[:2])) == 2
    assert told(*(Name.of(f"W{k}") for k in (1, 2, 3))) == ["W_l, l = 1 … 3"]


def test_kinds_keep_apart() -> None:
    formulas = [entry("b", 1), entry("b", 2)]
    assert len(gathered(formulas, ["architecture", "data symmetry"])) == 2
    assert gathered(formulas, ["a", "a"])[0][1] == (0, 1)


def test_blocks_in_groups() -> None:
    groups = [
        Total("h", 1, 2, Block(Name.of("Q"), 0, 2, 3, (Affine(g), Affine.of("h")), (4, 2)))
        for g in (1, 2, 3, 4)
    ]
    assert text(groups[1]) == "Σ_h Q[3h+4:3h+6], h = 1 … 2"
    assert told(*groups) == ["Σ_h Q_{g,h}, h = 1 … 2, g = 1 … 4"]


def test_sums() -> None:
    column = [(ONE, entry("w", i, 2)) for i in range(1, 6)]
    assert text(totalled(column)) == "Σ_i w[i,2], i = 1 … 5"
    assert text(totalled(column[:3])) == "w[1,2] + w[2,2] + w[3,2]"
    mixed = [*column, (Fraction(2), entry("w", 9, 9))]
    assert "Σ" not in text(totalled(mixed)), "short sums of several kinds are written out"
    whole = [(ONE, entry("w", i, j)) for i in range(1, 5) for j in range(1, 6)]
    assert text(totalled(whole)) == "Σ_k Σ_i w[k,i], i = 1 … 5, k = 1 … 4"
    long = [*whole, (Fraction(-1), entry("b", 1))]
    assert text(totalled(long)) == "Σ_k Σ_i w[k,i] − b[1], i = 1 … 5, k = 1 … 4"


def test_sums_over_different_ranges_have_indices_of_their_own() -> None:
    first = [(ONE, entry("w", i)) for i in range(1, 11)]
    second = [(-ONE, entry("v", i, 2)) for i in range(1, 8)]
    third = [(ONE, entry("u", i)) for i in range(1, 11)]
    told = text(totalled([*first, *second, *third]))
    assert told == "Σ_i w[i] − Σ_k v[k,2] + Σ_i u[i], i = 1 … 10, k = 1 … 7"
    columns = [totalled([*first, *((-ONE, entry("v", i, j)) for i in range(1, 8))]) for j in (1, 2)]
    assert text(listed(columns)) == "Σ_i w[i] − Σ_k v[k,j], i = 1 … 10, k = 1 … 7, j = 1 … 2"


def test_without_letters_left_a_sum_is_written_out() -> None:
    many = [(ONE, entry(f"w{name}", i)) for name in "abcde" for i in range(ord(name) - 90)]
    assert text(totalled(many)).endswith("more terms)")


def test_lists() -> None:
    columns = [totalled([(ONE, entry("w", i, j)) for i in range(1, 6)]) for j in (1, 2, 3)]
    assert text(listed(columns)) == "Σ_i w[i,j], i = 1 … 5, j = 1 … 3"
    scattered = [entry("w", i * i) for i in range(1, 40)]
    assert text(listed(scattered)).endswith("more)")
    assert text(listed([entry("w", 4)])) == "w[4]"


def written_out(formula: Formula) -> list[str]:
    """A family with its indices replaced by every value, the outer index first."""
    if not isinstance(formula, Family):
        return [text(formula)]

    def at(value: int) -> Formula:
        def put(number: Affine) -> Affine:
            factor = dict(number.parts).get(formula.index, 0)
            rest = tuple(part for part in number.parts if part[0] != formula.index)
            return Affine(number.constant + factor * value, rest)

        replaced: Formula = mapped(formula.body, put)
        return replaced

    values = range(formula.first, formula.last + 1)
    return [line for value in values for line in written_out(at(value))]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(1, 6), st.integers(1, 4)),
        max_size=25,
        unique=True,
    )
)
def test_nothing_is_lost_and_nothing_is_made_up(places: list[tuple[str, int, int]]) -> None:
    formulas = [entry(*place) for place in places]
    found = gathered(formulas)
    members = [k for _, which in found for k in which]
    assert sorted(members) == list(range(len(formulas)))
    for formula, which in found:
        assert written_out(formula) == [text(formulas[k]) for k in which]
