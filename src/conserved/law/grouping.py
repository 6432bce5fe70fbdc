"""Laws by the part of a model that they speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable


def block_of(tensors: Iterable[str]) -> str:
    """The part of a model in which tensors lie together: its name up to the first number.

    "" where they have nothing in common.

    Example:
        >>> block_of(["layers.2.mlp.up.weight", "layers.2.mlp.down.weight"])
        'layers.2'
        >>> (
        ...     block_of(["layers.2.norm.weight", "head.weight"]),
        ...     block_of(["head.weight", "head.bias"]),
        ... )
        ('', 'head')
    """
    names = [name.split(".") for name in tensors]
    common: list[str] = []
    for parts in zip(*(name[:-1] for name in names), strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
        if parts[0].isdigit():
            return ".".join(common)
    return ".".join(common)


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts layers.2 before layers.10, and "" last.

    Example:
        >>> sorted(["layers.10", "", "layers.2"], key=natural)
        ['layers.2', 'layers.10', '']
    """
    parts = re.split(r"([0-9]+)", text, flags=re.ASCII)
    key = tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)
    return ((0, ""), *key) if text else ((1, ""),)
