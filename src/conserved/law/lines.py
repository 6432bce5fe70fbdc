"""Laws as few lines: those of one pattern are told once, with an index that runs."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from conserved import notation
from conserved.kernel.law import Origin
from conserved.law.base import Kind, Law
from conserved.notation import Block, Family, Formula, Item, Name, Place


@dataclass(frozen=True)
class Line:
    """Laws that one formula says, in the order of the list they come from.

    Attributes:
        formula: of all of them.
        laws: one or more, alike in origin and kind.
        members: where they stand in that list.
    """

    formula: Formula
    laws: tuple[Law, ...]
    members: tuple[int, ...]

    @property
    def text(self) -> str:
        """The formula in Unicode."""
        return notation.text(self.formula)

    @property
    def name(self) -> str:
        """A few words; the formula where the law has no better."""
        return self.laws[0].name if len(self.laws) == 1 else self.text

    @property
    def origin(self) -> Origin:
        """What the laws are due to."""
        return self.laws[0].origin

    @property
    def kind(self) -> Kind:
        """What their functions are."""
        return self.laws[0].kind

    @property
    def independent(self) -> int:
        """How many independent laws they add."""
        return sum(law.independent for law in self.laws)

    @property
    def size(self) -> int:
        """How many functions they are."""
        return sum(law.size for law in self.laws)

    @property
    def remark(self) -> str:
        """What names say beside the formula, where all say the same: "symmetric 2×2"."""
        remarks = {law.name.removeprefix(law.text).lstrip(", ") for law in self.laws}
        remark = remarks.pop() if len(remarks) == 1 else ""
        return f"{remark} each" if remark and len(self.laws) > 1 else remark


def lines(laws: Sequence[Law], outcomes: Sequence[Hashable] | None = None) -> list[Line]:
    """A list of laws as lines.

    Args:
        laws: any.
        outcomes: for each law something that has to be the same all along a line.

    Example:
        >>> from conserved.law import GramLaw, GramTerm, Layout
        >>> layout = Layout((("Q", (4, 3)), ("K", (4, 3))))
        >>> heads = [(0, 2, 1), (2, 4, 1)]
        >>> laws = [
        ...     GramLaw(layout=layout, terms=(GramTerm("Q", 0, 1, h), GramTerm("K", 0, -1, h)))
        ...     for h in heads
        ... ]
        >>> told = lines(laws)
        >>> [line.text for line in told], where(told)
        (['Q_h Q_hᵀ − K_h K_hᵀ, h = 1 … 2'], 'Q_h is Q[2h−1:2h] (likewise K_h).')
    """
    more = outcomes if outcomes is not None else [None] * len(laws)
    kinds = [(law.origin, law.kind, one) for law, one in zip(laws, more, strict=True)]
    told = notation.gathered([law.formula for law in laws], kinds)
    return [Line(formula, tuple(laws[k] for k in members), members) for formula, members in told]


def where(told: Sequence[Line]) -> str:
    """What the blocks that have a symbol are, in slices; "" where there are none."""
    alike: dict[tuple[Place, ...], dict[str, Item]] = {}
    for line in told:
        for node in notation.nodes(line.formula):
            if isinstance(node, Block) and node.named:
                slices = node.slices
                alike.setdefault(slices.places, {})[notation.text(node)] = slices
    words = []
    for symbols in alike.values():
        (first, slices), *others = symbols.items()
        more = f" (likewise {', '.join(symbol for symbol, _ in others)})" if others else ""
        words.append(f"{first} is {notation.text(slices)}{more}")
    return f"{'; '.join(words)}." if words else ""


def parameter_list(parameters: Iterable[Any]) -> str:
    """Names and shapes; names that differ in a number told once, where the shapes agree.

    Args:
        parameters: anything with ``name`` and ``shape``, such as ``network.parameters``.

    Example:
        >>> from conserved.networks import Linear
        >>> parameter_list(Linear(5, 3, 3, 3, 3, 2).parameters)
        'W1 3×5, W_l 3×3 (l = 2 … 4), W5 2×3'
    """
    every = list(parameters)
    told = notation.gathered([Name.of(p.name) for p in every], [p.shape for p in every])
    words = []
    for formula, members in told:
        ranges = []
        while isinstance(formula, Family):
            ranges.append(f"{formula.index} = {formula.first} … {formula.last}")
            formula = formula.body
        shape = "×".join(map(str, every[members[0]].shape))
        running = f" ({', '.join(reversed(ranges))})" if ranges else ""
        words.append(f"{notation.text(formula)} {shape}{running}".rstrip())
    return ", ".join(words)


def condensed(told: Sequence[Line], most: int) -> list[tuple[Line, tuple[Line, ...]]]:
    """At most so many lines, each with those left out that are of its pattern; then the rest.

    Where there are few lines every one is there, with none left out.
    """
    if len(told) <= most:
        return [(line, ()) for line in told]
    alike: dict[tuple[Formula, str, str], list[Line]] = {}
    for line in told:
        key = (notation.skeleton(line.formula, whole=True), line.origin, line.kind)
        alike.setdefault(key, []).append(line)
    groups = list(alike.values())
    kept, rest = groups[:most], [line for group in groups[most:] for line in group]
    out = [(first, tuple(others)) for first, *others in kept]
    if rest:
        last, others = out[-1]
        out[-1] = (last, (*others, *rest))
    return out
