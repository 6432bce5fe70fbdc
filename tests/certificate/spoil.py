"""Ways to spoil a JSON document, all of them or random ones."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

Path = tuple[str | int, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every value in a document, the containers before what they hold."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def at(document: Any, path: Path) -> Any:
    for step in path:
        document = document[step]
    return document


def changed(document: Any, path: Path, value: Any) -> Any:
    """A copy of the document with another value at a place."""
    if not path:
        return value
    result = copy.deepcopy(document)
    at(result, path[:-1])[path[-1]] = value
    return result


def other_values(value: Any) -> Iterator[Any]:
    """What might stand in place of a value: near misses, other types, other ends."""
    if isinstance(value, bool):
        yield from (not value, int(value), None, str(value))
    elif isinstance(value, int):
        yield from (value + 1, value - 1, -value, 0, 2 * value + 7, 2**63, str(value), [value])
        yield from (float(value), bool(value), None)
    elif isinstance(value, str):
        yield from ("", value + " ", value[:-1], value.upper(), "x" * 500, "\x1b[31m", 0, None)
        yield from (value.replace("1", "2"), value.replace("-", ""), f"-{value}", f"{value}/7")
        yield from ("../../etc/passwd", "__import__('os').abort()", "\ud800", [value], {value: 1})
    elif isinstance(value, list):
        yield from ([], value + value, value[::-1], value[1:], value[:-1], value * 3, None, {})
        yield from ({"0": value}, "list", [value], [*value, 0], [None, *value])
    elif isinstance(value, dict):
        yield from ({}, [], None, [value], {**value, "extra": 1}, {"schema": value}, "object")
        yield from ({k: v for k, v in value.items() if k != key} for key in value)
        yield dict(reversed(value.items()))
    else:
        yield from (0, False, "", [], {}, [0, 1, 1])


def all_spoilt(document: Any, part: int = 0, parts: int = 1) -> Iterator[tuple[Path, Any]]:
    """Every place with every other value, or one part of them: (place, spoilt copy)."""
    every = (
        (path, other)
        for path in places(document)
        for other in other_values(at(document, path))
        if type(other) is not type(at(document, path)) or other != at(document, path)
    )
    for path, other in islice(every, part, None, parts):
        yield path, changed(document, path, other)


def randomly_spoilt(document: Any, rng: random.Random, times: int) -> Any:
    """Several changes one after the other: values swapped with one another, or replaced."""
    for _ in range(times):
        found = list(places(document))
        path = rng.choice(found)
        value = at(document, path)
        if rng.random() < 0.4 and path:
            # what stands elsewhere under the same key: plausible, and wrong
            twins = [p for p in found if p and p != path and p[-1] == path[-1]]
            if twins:
                document = changed(document, path, copy.deepcopy(at(document, rng.choice(twins))))
                continue
        document = changed(document, path, rng.choice(list(other_values(value))))
    return document
