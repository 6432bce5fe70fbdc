"""Formulas that differ in whole numbers alone, as one formula with an index.

Two formulas are of one pattern when they are equal but for whole numbers: entries, slices, blocks,
numbers in names. Where these grow by equal steps from one formula to the next, an index that runs
says all of them: K[1,:], K[2,:], K[3,:] are K[j,:], j = 1 … 3.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from conserved.notation.integers import Affine
from conserved.notation.text import text
from conserved.notation.tree import (
    Family,
    Formula,
    Listed,
    Name,
    Sum,
    Total,
    Words,
    integers,
    mapped,
    nodes,
)

_TERMS = 4  # of a sum, from which on Σ is shorter
_LAYERS = 3  # names or words that differ in a number, from which on an index is easier to read
_MOST = 20_000  # formulas that are compared
_SHOWN = 12  # of a list
_SUMS = "ikmn"  # letters of a Σ
_LETTERS = {"name": "lmn", "words": "kmn", "block": "hg", "entry": "jik"}

Told = tuple[Formula, tuple[int, ...]]


@dataclass(frozen=True)
class Run:
    """Formulas that are one with an index.

    Attributes:
        formula: the common one; the only one, where the run has one member.
        index, first, last: how the index runs; "" for a single formula.
        members: positions of the formulas in what was given.
    """

    formula: Formula
    members: tuple[int, ...]
    index: str = ""
    first: int = 0
    last: int = 0

    @property
    def family(self) -> Formula:
        """The formula with its range."""
        if not self.index:
            return self.formula
        return Family(self.index, self.first, self.last, self.formula)

    @property
    def total(self) -> Formula:
        """The sum of the formulas."""
        if not self.index:
            return self.formula
        return Total(self.index, self.first, self.last, self.formula)


def gathered(formulas: Sequence[Formula], kinds: Sequence[Hashable] | None = None) -> list[Told]:
    """Formulas with those of one pattern made one, again and again, in the order of first members.

    Args:
        formulas: any.
        kinds: formulas are only made one where these agree; by default all do.

    Returns:
        Pairs (formula, positions of the formulas it stands for).

    Example:
        >>> from conserved.notation import Item, Name, text
        >>> w = Name.of("w")
        >>> entries = [Item(w, (Affine(i), Affine(j))) for i in (1, 2) for j in (1, 2, 3)]
        >>> [text(formula) for formula, _ in gathered(entries)]
        ['w[i,j], j = 1 … 3, i = 1 … 2']
    """
    told: list[Told] = [(formula, (k,)) for k, formula in enumerate(formulas)]
    labels = list(kinds) if kinds is not None else [None] * len(told)
    while len(told) <= _MOST:
        runs = _runs([formula for formula, _ in told], labels)
        if len(runs) == len(told):
            break
        labels = [labels[run.members[0]] for run in runs]
        told = [(run.family, sum((told[k][1] for k in run.members), ())) for run in runs]
    return told


def listed(formulas: Sequence[Formula]) -> Formula:
    """Several formulas as one, those of a pattern with an index, long lists cut."""
    told = [formula for formula, _ in gathered(formulas)]
    if len(told) == 1:
        return told[0]
    return Listed(tuple(told[:_SHOWN]), max(0, len(told) - _SHOWN))


def totalled(terms: Sequence[tuple[Fraction, Formula]], most: int = _SHOWN) -> Formula:
    """A sum, behind a Σ where all its terms are of one pattern, or where it would be cut.

    Example:
        >>> from conserved.notation import Item, Name, text
        >>> entries = [(Fraction(2), Item(Name.of("w"), (Affine(i),))) for i in range(3, 9)]
        >>> text(totalled(entries))
        '2 Σ_i w[i], i = 3 … 8'
    """
    told = list(terms)
    if _TERMS <= len(told) <= _MOST:
        short = _summed(told)
        if len(short) == 1 or len(told) > most >= len(short):
            told = short
    if len(told) == 1 and told[0][0] == 1:
        return told[0][1]
    return Sum(tuple(told[:most]), max(0, len(told) - most))


def _summed(terms: list[tuple[Fraction, Formula]]) -> list[tuple[Fraction, Formula]]:
    """Terms of one pattern behind a Σ, as often as it goes; as they were for want of letters."""
    told = terms
    while True:
        factors = [factor for factor, _ in told]
        runs = _runs([term for _, term in told], factors, _TERMS, _SUMS)
        if len(runs) == len(told):
            break
        told = [(factors[run.members[0]], run.total) for run in runs]
    told = _apart(told)
    ranges = {
        (node.index, node.first, node.last)
        for node in nodes(tuple(told))
        if isinstance(node, Total)
    }
    return told if len(ranges) == len({index for index, *_ in ranges}) else terms


def _apart(told: list[tuple[Fraction, Formula]]) -> list[tuple[Fraction, Formula]]:
    """Sums over other ranges with other letters: Σ_i a[i] + Σ_k b[k], i = 1 … 5, k = 1 … 7."""
    ranges: dict[str, tuple[int, int]] = {}
    out = []
    for factor, term in told:
        if isinstance(term, Total):
            letters = [term.index, *(letter for letter in _SUMS if letter != term.index)]
            used = {index for number, _ in integers(term.body) for index, _ in number.parts}
            reach = term.first, term.last
            for letter in letters:
                free = letter == term.index or letter not in used
                if free and ranges.setdefault(letter, reach) == reach:
                    term = _relettered(term, letter)
                    break
        out.append((factor, term))
    return out


def _relettered(total: Total, letter: str) -> Total:
    def change(number: Affine) -> Affine:
        parts = ((letter if i == total.index else i, factor) for i, factor in number.parts)
        return Affine(number.constant, tuple(parts))

    return Total(letter, total.first, total.last, mapped(total.body, change))


def sentences(told: Sequence[str]) -> list[str]:
    """Sentences, those that differ in numbers that run told once.

    Example:
        >>> sentences([f"+1: the frequency-{k} part is kept." for k in (1, 2, 3)])
        ['+1: the frequency-k part is kept, k = 1 … 3.']
    """
    ended = [sentence.removesuffix(".") for sentence in told]
    found = gathered(
        [Words.of(sentence) for sentence in ended],
        [s != e for s, e in zip(told, ended, strict=True)],
    )
    return [told[where[0]] if len(where) == 1 else f"{text(formula)}." for formula, where in found]


def skeleton(formula: Formula, whole: bool = False) -> Formula:
    """A formula without its whole numbers; with ``whole`` the factors of indices go too."""

    def bare(number: Affine) -> Affine:
        return Affine(0) if whole else Affine(0, number.parts)

    masked: Formula = mapped(formula, bare)
    return masked


def _runs(
    formulas: Sequence[Formula], kinds: Sequence[Hashable], least: int = 2, letters: str = ""
) -> list[Run]:
    """All formulas, in runs as long as they come, in the order of their first members."""
    groups: dict[Hashable, list[int]] = {}
    for k, formula in enumerate(formulas):
        groups.setdefault((skeleton(formula), kinds[k]), []).append(k)
    runs = []
    for members in groups.values():
        values = [[number.constant for number, _ in integers(formulas[k])] for k in members]
        start = 0
        while start < len(members):
            stop = _reach(values, start)
            run = None
            if stop - start >= least:
                chosen = members[start:stop]
                run = _one(formulas[chosen[0]], values[start : start + 2], chosen, letters)
            if run is None:
                run, stop = Run(formulas[members[start]], (members[start],)), start + 1
            runs.append(run)
            start = stop
    return sorted(runs, key=lambda run: run.members[0])


def _reach(values: list[list[int]], start: int) -> int:
    """How far numbers grow by equal steps."""
    stop = start + 1
    while stop < len(values) and _step(values, stop) == _step(values, start + 1):
        stop += 1
    return stop


def _step(values: list[list[int]], at: int) -> list[int]:
    return [b - a for a, b in zip(values[at - 1], values[at], strict=True)]


def _one(formula: Formula, values: list[list[int]], members: list[int], letters: str) -> Run | None:
    """The formula with an index; None where numbers stand still, or for too few layers."""
    first, second = values
    steps = [b - a for a, b in zip(first, second, strict=True)]
    if not any(steps):
        return None
    numbers = list(integers(formula))
    where = [within for (_, within), step in zip(numbers, steps, strict=True) if step]
    if {"name", "words"} & set(where) and len(members) < _LAYERS:
        return None
    used = {index for number, _ in numbers for index, _ in number.parts}
    for node in nodes(formula):
        used |= {node.index} if isinstance(node, Total | Family) else set()
        used |= {node.symbol[0]} if isinstance(node, Name) and node.symbol else set()
    preferred = letters or _LETTERS[where[0]]
    free = [letter for letter in preferred + "ijklmnpqrstuvw" if letter not in used]
    if not free:
        return None
    # the index counts what it stands for, where that grows by ones
    begin = next((a for a, step in zip(first, steps, strict=True) if step == 1), 1)
    index = Affine.of(free[0])
    running = iter(steps)

    def run(number: Affine) -> Affine:
        step = next(running)
        return number + (index - begin) * step if step else number

    return Run(mapped(formula, run), tuple(members), free[0], begin, begin + len(members) - 1)
