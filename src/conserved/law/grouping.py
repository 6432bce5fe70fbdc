"""Laws by the part of a model that they speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable

from conserved import notation
from conserved.notation import Affine, Formula, Name


def block_of(tensors: Iterable[str]) -> str:
    """The part of a model in which tensors lie together: its name up to the first number.

    "" where they have nothing in common.

    Example:
        >>> block_of(["layers.2.mlp.up.weight", "layers.2.mlp.down.weight"])
        'layers.2'
        >>> block_of(["head.weight", "head.bias"]), block_of(["layers.2.q", "head.weight"])
        ('head', '')
    """
    names = [name.split(".") for name in tensors]
    common: list[str] = []
    for parts in zip(*(name[:-1] for name in names), strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
        if parts[0].isdigit() or parts[0].startswith("{"):  # {l}: a number that runs
            break
    return ".".join(common)


def block_of_formula(formula: Formula) -> str:
    """The same, of the tensors in a formula.

    Example:
        >>> from conserved.notation import Product, Transpose
        >>> w = Name.of("layers.2.w")
        >>> block_of_formula(Product((w, Transpose(w))))
        'layers.2'
    """
    names = (node for node in notation.nodes(formula) if isinstance(node, Name))
    return block_of(map(notation.text, names))


def within(formula: Formula, block: str) -> Formula:
    """A formula whose tensors all lie in a block, without saying so in every name.

    Example:
        >>> from conserved.notation import Transpose, text
        >>> text(within(Transpose(Name.of("layers.2.w")), "layers.2"))
        'wᵀ'
    """
    if not block:
        return formula
    short: Formula = notation.renamed(formula, lambda name: _inside(name, f"{block}."))
    return short


def _inside(name: Name, prefix: str) -> Name:
    """A name without its beginning; numbers that run in the rest go on running."""
    left = prefix
    kept: list[str | Affine] = []
    for part in name.parts:
        words = part if isinstance(part, str) else notation.text(Name((part,)))
        if left.startswith(words):
            left = left.removeprefix(words)
        elif left and isinstance(part, str) and words.startswith(left):
            kept.append(words.removeprefix(left))
            left = ""
        else:
            kept.append(part)
    return Name(tuple(kept)) if kept and not left else name


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts layers.2 before layers.10, and "" last.

    Example:
        >>> sorted(["layers.10", "", "layers.2"], key=natural)
        ['layers.2', 'layers.10', '']
    """
    parts = re.split(r"([0-9]+)", text, flags=re.ASCII)
    key = tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)
    return ((0, ""), *key) if text else ((1, ""),)
