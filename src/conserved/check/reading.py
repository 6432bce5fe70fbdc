"""Reading certificates that nobody vouches for.

Every key is known, every number is whole and in range, every text is what the numbers make it, and
what the numbers say of each other is so. What is read may still be false: ``proof`` finds out.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn, cast

from conserved.check.document import (
    NEXT,
    OLD,
    SCHEMA,
    Certificate,
    Claim,
    Data,
    LowerBound,
    Minor,
    Patterns,
    Status,
    UpperBound,
    dumped,
    rebuild,
)
from conserved.errors import InputError, require_text
from conserved.kernel.program import Program
from conserved.law import Law, Layout, law_from_json
from conserved.law.reading import Reader
from conserved.problem import Problem
from conserved.recipe import SEED_LIMIT, Recipe, read_prime
from conserved.symmetry import files_of

BYTES_LIMIT = 50_000_000
_DIGITS = 20  # of any number in the file; coefficients are texts
_TEXTS = ("network", "loss", "symmetry", "labels", "flow")


class _NotPlainError(Exception):
    """JSON that means different things to different readers."""


def read_file(path: str | Path) -> Certificate:
    """The certificate in a file.

    Raises:
        InputError: an unreadable file, or one that is no certificate, with the place.
    """
    try:
        file = Path(path)
        # a pipe or a device would be read for ever
        if not file.is_file():
            raise InputError("path", path, "not a file" if file.exists() else "no such file")
        with file.open("rb") as stream:
            content = stream.read(BYTES_LIMIT + 1)
        if len(content) > BYTES_LIMIT:
            raise InputError("path", path, f"longer than {BYTES_LIMIT:,} bytes")
        try:
            return read_text(content.decode(), str(path))
        except InputError as error:
            told = error.advice if error.argument == "text" else str(error)
            raise InputError("path", path, f"is no valid certificate: {told}") from error
    except (OSError, TypeError) as error:  # the latter: no name of a file
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("path", path, f"cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise InputError("path", path, "not a text in UTF-8") from error


def read_text(text: str, source: str = "certificate") -> Certificate:
    """The certificate that the content of a file is.

    Raises:
        InputError: anything else, with the place.
    """
    require_text("text", text, "the content of a file")
    try:
        return read_json(_parsed(text))
    except _NotPlainError as error:
        raise InputError("text", source, str(error)) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError("text", source, f"no JSON: {error.msg} at {place}") from error
    except RecursionError as error:
        raise InputError("text", source, "nested too deep") from error


def read_json(document: Any) -> Certificate:
    """The certificate that a JSON object is.

    Raises:
        InputError: anything else, with the place.
    """
    reader = Reader(document, "certificate")
    if isinstance(document, dict):
        if document.get("schema") in OLD:
            advice = "of an older program; make it again: conserved analyze … --certificate FILE"
            raise reader["schema"].error(advice)
        reader["schema"].choice(SCHEMA)
    reader.keys("schema", "version", "problem", "program", "groups", "parameters", "laws", "claims")
    version = reader["version"].text(40)
    problem = _problem(reader["problem"], reader["program"], reader["groups"])
    layout = Layout.of(problem.network.parameters)
    _same(reader["parameters"], layout.to_json())
    laws = tuple(law_from_json(item.value, layout, item.path) for item in reader["laws"].items())
    if not problem.symmetric:
        for law, item in zip(laws, reader["laws"].items(), strict=True):
            if law.origin != "architecture":
                raise item["origin"].error("without a symmetry, laws belong to the architecture")
    wanted: tuple[Data, ...] = ("symmetric", "all") if problem.symmetric else ("all",)
    items = reader["claims"].items(exactly=len(wanted))
    claims = tuple(
        _claim(item, data, laws, layout.size) for item, data in zip(items, wanted, strict=True)
    )
    for item, claim in zip(items, claims, strict=True):
        if claim.upper.recipe.route == "moments" and problem.network.lift() is None:
            route = item["upper"]["recipe"]["route"]
            raise route.error("this network has no lift, so orbits are the route")
    for index, law in enumerate(laws):
        used = sum(row[0] == index for row in claims[0].lower.minor.rows)
        if law.independent != used:
            place = reader["laws"].items()[index]["independent"]
            raise place.error(f"the minor of claims[0] has {used} rows of this law")
    return Certificate(problem, laws, claims, version)


def _problem(reader: Reader, program: Reader, groups: Reader) -> Problem:
    reader.keys(*_TEXTS)
    texts = {key: reader[key].text(400) for key in _TEXTS}
    if not texts["network"] or texts["network"] != texts["network"].strip():
        raise reader["network"].error("a name without spaces around it is needed")
    if not isinstance(groups.value, dict):
        raise groups.error("an object is needed, matrices by the name of their file")
    for name, document in groups.value.items():
        if not isinstance(document, dict):
            raise Reader(document, f"{groups.path}.{name}").error("an object is needed")
    try:
        problem = rebuild(texts, Program.from_json(program.value), groups.value)
    except RecursionError as error:
        raise program.error("nested too deep") from error
    except InputError as error:
        if error.argument == "network" and error.given == texts["network"]:
            raise reader["network"].error(error.advice) from error
        raise
    _same(reader, problem.to_json())
    _same(groups, files_of(problem.group))
    return problem


def _claim(reader: Reader, data: Data, laws: tuple[Law, ...], size: int) -> Claim:
    reader.keys("data", "upper", "lower", "status", "next")
    reader["data"].choice(data)
    claim = Claim(
        data,
        _upper(reader["upper"], size),
        _lower(reader["lower"], data, laws, size),
        cast(Status, reader["status"].choice("CERTIFIED", "OPEN")),
        tuple(item.choice(*NEXT.values()) for item in reader["next"].items(most=len(NEXT))),
    )
    if claim.lower.laws > claim.upper.laws:
        raise reader["lower"]["laws"].error(f"the upper bound is {claim.upper.laws}")
    if claim.lower.exist and not (claim.proved and claim.upper.patterns != "one cell"):
        raise reader["lower"]["exist"].error("laws exist as many as a rigorous upper bound leaves")
    if claim.certified != claim.proved:
        met = (
            "the bounds meet and are rigorous"
            if claim.proved
            else "this needs rigorous bounds that meet"
        )
        raise reader["status"].error(met)
    if claim.certified == bool(claim.next) or len(set(claim.next)) != len(claim.next):
        raise reader["next"].error("next steps go with an open status, and only with that")
    return claim


def _upper(reader: Reader, size: int) -> UpperBound:
    reader.keys("laws", "ranks", "rigorous", "patterns", "recipe")
    recipe = Recipe.read(reader["recipe"])
    ranks = [item.integer(0, size) for item in reader["ranks"].items(len(recipe.counts))]
    if ranks != sorted(ranks):
        raise reader["ranks"].error("ranks do not fall")
    most = reader["laws"].integer(0, size)
    if most != size - ranks[-1]:
        raise reader["laws"].error(f"the rank leaves {size} − {ranks[-1]}")
    return UpperBound(
        most,
        tuple(ranks),
        reader["rigorous"].boolean(),
        cast(Patterns, reader["patterns"].choice("none", "every", "one cell")),
        recipe,
    )


def _lower(reader: Reader, data: Data, laws: tuple[Law, ...], size: int) -> LowerBound:
    reader.keys("laws", "written", "exist", "rigorous", "minor")
    minor = reader["minor"]
    minor.keys("prime", "seed", "rows", "columns")
    rows = [_row(item, data, laws) for item in minor["rows"].items()]
    if rows != sorted(set(rows)):
        raise minor["rows"].error("rows ascend, each once")
    columns = [item.integer(0, size - 1) for item in minor["columns"].items(len(rows))]
    if columns != sorted(set(columns)):
        raise minor["columns"].error("columns ascend, each once")
    least = reader["laws"].integer(0, size)
    if reader["written"].integer(0, size) != len(rows):
        raise reader["written"].error(f"the minor has {len(rows)} rows")
    exist = reader["exist"].boolean()
    if exist != (least > len(rows)):
        raise reader["exist"].error("true where there are more laws than the minor has rows")
    prime = read_prime(minor["prime"])
    seed = minor["seed"].integer(0, SEED_LIMIT)
    found = Minor(prime, seed, tuple(rows), tuple(columns))
    return LowerBound(least, reader["rigorous"].boolean(), found, exist)


def _row(reader: Reader, data: Data, laws: tuple[Law, ...]) -> tuple[int, int]:
    law, component = reader.items(exactly=2)
    index = law.integer(0, len(laws) - 1)
    if data == "all" and laws[index].origin != "architecture":
        raise law.error("this law is owed to the symmetry, so it says nothing of all data")
    return index, component.integer(0, laws[index].size - 1)


def _same(reader: Reader, expected: Any) -> None:
    """Refuse what is not exactly this value, types included."""
    given, wanted = dumped(reader.value), dumped(expected)
    if given != wanted:
        shown = wanted if len(wanted) < 200 else "something else"
        raise reader.error(f"{shown} belongs here")


def _parsed(text: str) -> Any:
    """JSON with whole numbers of modest size, and no key twice."""
    return json.loads(
        text,
        object_pairs_hook=_distinct,
        parse_int=_whole,
        parse_float=_no_number,
        parse_constant=_no_number,
    )


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise _NotPlainError(f"the key '{twice}' stands twice in one object")
    return found


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        raise _NotPlainError(f"a number of {len(text):,} digits; {_DIGITS} are the most")
    return int(text)


def _no_number(text: str) -> NoReturn:
    raise _NotPlainError(f"'{text[:40]}' where numbers are whole")
