"""How the axes of parameters fall apart: into heads, groups of heads, and rotary pairs.

Read off the reshapes and slices of a program: where an axis of n is seen as H × d, so may be the
axes of the same length of all parameters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from conserved.blocks.patterns import Split
from conserved.kernel.program import Node, Program

_CUTS = 4  # projections in one matrix, at most

Part = tuple[int, int]


def splits_of(program: Program) -> dict[int, list[Split]]:
    """For each length the ways in which a program takes an axis of that length apart."""
    found: dict[int, set[Split]] = defaultdict(set)
    halves: set[tuple[int, Split]] = set()
    for node in program.nodes:
        if node.op == "reshape":
            before = program.nodes[node.args[0]].shape
            for long, parts in (*_groups(before, node.shape), *_groups(node.shape, before)):
                found[long].add(parts)
        elif node.op == "slice":
            before = program.nodes[node.args[0]].shape
            for length, (start, stop, step) in zip(before, node.data, strict=True):
                if length % 2 == 0 and (start, stop, step) == (0, length // 2, 1):
                    halves.add((length, (2, length // 2)))
                elif length % 2 == 0 and step == 2:
                    halves.add((length, (length // 2, 2)))
    for length, parts in halves:
        found[length].add(parts)
    _grouped(found)
    for length, parts in halves:
        for split in [s for many in list(found.values()) for s in many if s[-1] == length]:
            whole = 1
            for n in split:
                whole *= n
            found[whole].add((*split[:-1], *parts))
    return {length: sorted(ways, key=len) for length, ways in found.items()}


def cuts_of(program: Program) -> dict[int, list[Part]]:
    """For each length the parts (start, size) into which axes of that length are cut."""
    found: dict[int, set[Part]] = defaultdict(set)
    sliced: dict[tuple[int, int], set[Part]] = defaultdict(set)  # by node and axis
    picked = {n for node in program.nodes for n in _picked(program, node)}
    for node in program.nodes:
        before = program.nodes[node.args[0]].shape if node.args else ()
        if node.op == "slice":
            for axis, (start, stop, step) in enumerate(node.data):
                if step == 1 and stop - start < before[axis]:
                    sliced[node.args[0], axis].add((start, stop - start))
        elif node.op == "reshape":
            for length, parts in _groups(before, node.shape):
                for count in {parts[0], parts[-1]} & picked:
                    found[length].update(_equal(length, count))
    for (source, axis), taken in sliced.items():
        length = program.nodes[source].shape[axis]
        sizes = [size for _, size in taken]
        if length % min(sizes) == 0:
            found[length].update(_equal(length, length // min(sizes)))
        if sum(sizes) == length and len(sizes) <= _CUTS:
            found[length] |= taken
    return {length: sorted(parts) for length, parts in found.items() if parts}


def unused_entries(program: Program) -> dict[str, int]:
    """How many entries of a parameter no input of this size reaches, where there are such.

    Seen where all that is made of the parameter is made of slices, or of some of its rows.
    """
    used = {name: np.zeros(shape, dtype=np.bool_) for name, shape in program.parameters}
    for node in program.nodes:
        for source in (program.nodes[i] for i in node.args):
            if source.op != "parameter":
                continue
            mask = used[source.data[0]]
            if node.op == "slice":
                mask[tuple(slice(*cut) for cut in node.data)] = True
            elif node.op == "gather":
                axis, rows = node.data
                np.moveaxis(mask, axis, 0)[list(rows)] = True
            else:
                mask[...] = True
    missing = {name: int((~mask).sum()) for name, mask in used.items() if mask.any()}
    return {name: count for name, count in missing.items() if count}


def _equal(length: int, count: int) -> Iterator[Part]:
    """So many equal parts, where they are few."""
    if 1 < count <= _CUTS:
        yield from ((k * (length // count), length // count) for k in range(count))


def _picked(program: Program, node: Node) -> Iterator[int]:
    """Lengths of axes of which a node takes one place: several projections made at once."""
    if node.op in ("slice", "gather"):
        before = program.nodes[node.args[0]].shape
        for length, now in zip(before, node.shape, strict=True):
            if now == 1 < length:
                yield length


def _grouped(found: dict[int, set[Split]]) -> None:
    """Heads in groups: H × d where elsewhere there are G × d and G divides H."""
    pairs = {split for many in found.values() for split in many if len(split) == 2}
    for heads, size in pairs:
        for groups, other in pairs:
            if other == size and groups < heads and heads % groups == 0:
                found[heads * size].add((groups, heads // groups, size))


def _groups(long: Sequence[int], short: Sequence[int]) -> Iterator[tuple[int, Split]]:
    """(n, parts) for each axis n of ``long`` that became several axes of ``short``."""
    i = 0
    for n in long:
        parts: list[int] = []
        product = 1
        while i < len(short) and product * short[i] <= n and (product < n or short[i] == 1):
            parts.append(short[i])
            product *= short[i]
            i += 1
        if product != n:
            return
        real = tuple(part for part in parts if part > 1)
        if len(real) > 1:
            yield n, real
