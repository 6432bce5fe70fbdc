"""Reading certificates that nobody vouches for.

Every key is known, every number is whole and in range, and what the numbers say of each other is
so. What is read may still be false: ``check`` finds out.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn, cast

from conserved.kernel.certificate import (
    NEXT,
    OLD,
    ORIGINS,
    SCHEMA,
    Certificate,
    Claim,
    Data,
    LowerBound,
    Minor,
    Patterns,
    StatedLaw,
    Status,
    UpperBound,
)
from conserved.kernel.entries import ROOTS_LIMIT
from conserved.kernel.errors import InputError, require_text
from conserved.kernel.law import Origin, count, fault_of_law
from conserved.kernel.primes import is_prime
from conserved.kernel.reader import Reader
from conserved.kernel.reading_statement import read_program, read_statement
from conserved.kernel.span import COUNT_LIMIT, LEVEL_LIMIT, Recipe
from conserved.kernel.statement import Statement

BYTES_LIMIT = 50_000_000
SEED_LIMIT = 2**53 - 1  # every JSON reader has these
_DIGITS = 20  # of any number in the file; coefficients are texts


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
            return read_text(content.decode())
        except InputError as error:
            told = error.advice if error.argument == "text" else str(error)
            raise InputError("path", path, f"is no valid certificate: {told}") from error
    except (OSError, TypeError) as error:  # the latter: no name of a file
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("path", path, f"cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise InputError("path", path, "not a text in UTF-8") from error


def read_text(text: str) -> Certificate:
    """The certificate that the content of a file is.

    Raises:
        InputError: anything else, with the place.
    """
    require_text("text", text, "the content of a file")
    try:
        return read_json(_parsed(text))
    except _NotPlainError as error:
        raise InputError("text", "certificate", str(error)) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError("text", "certificate", f"no JSON: {error.msg} at {place}") from error
    except RecursionError as error:
        raise InputError("text", "certificate", "nested too deep") from error


def read_json(document: Any) -> Certificate:
    """The certificate that a JSON object is.

    Raises:
        InputError: anything else, with the place.
    """
    reader = Reader(document, "certificate")
    if isinstance(document, dict) and document.get("schema") in OLD:
        advice = "of an older program; make it again: conserved analyze … --certificate FILE"
        raise reader["schema"].error(advice)
    reader["schema"].choice(SCHEMA)
    reader.keys(
        "schema",
        "version",
        "words",
        "program",
        "loss",
        "symmetry",
        "flow",
        "data",
        "laws",
        "claims",
    )
    version = reader["version"].text(40)
    statement = read_statement(reader)
    laws = tuple(_law(item, statement) for item in reader["laws"].items())
    wanted: tuple[Data, ...] = ("all",) if statement.kind == "all" else (statement.kind, "all")
    items = reader["claims"].items(exactly=len(wanted))
    pairs = zip(items, wanted, strict=True)
    claims = tuple(_claim(item, data, laws, statement) for item, data in pairs)
    return Certificate(statement, laws, claims, version, _object(reader["words"]))


def _object(reader: Reader) -> dict[str, Any]:
    if not isinstance(reader.value, dict):
        raise reader.error("an object is needed")
    return reader.value


def _law(reader: Reader, statement: Statement) -> StatedLaw:
    reader.keys("origin", "program", "words")
    program = read_program(reader["program"])
    if fault := fault_of_law(program):
        raise reader["program"].error(fault)
    if program.parameters != statement.tensors:
        raise reader["program"].error("its parameters are those of the network, or of the state")
    if program.roots > ROOTS_LIMIT:
        raise reader["program"].error(f"needs roots of unity of order above {ROOTS_LIMIT:,}")
    origin = cast(Origin, reader["origin"].choice(*ORIGINS.values()))
    if origin not in ("architecture", ORIGINS[statement.kind]):
        raise reader["origin"].error("the statement has no such class of data")
    return StatedLaw(program, origin, _object(reader["words"]))


def _claim(reader: Reader, data: Data, laws: tuple[StatedLaw, ...], statement: Statement) -> Claim:
    reader.keys("data", "upper", "lower", "status", "next")
    reader["data"].choice(data)
    claim = Claim(
        data,
        _upper(reader["upper"], statement.size, statement.points if data == "given" else 0),
        _lower(reader["lower"], data, laws, statement.size),
        cast(Status, reader["status"].choice("CERTIFIED", "OPEN")),
        tuple(item.choice(*NEXT.values()) for item in reader["next"].items(most=len(NEXT))),
    )
    if claim.lower.laws > claim.upper.laws:
        raise reader["lower"]["laws"].error(f"the upper bound is {claim.upper.laws}")
    if claim.lower.exist and not (claim.proved and claim.upper.patterns != "one cell"):
        raise reader["lower"]["exist"].error("laws exist as many as a rigorous upper bound leaves")
    if claim.certified != claim.proved:
        met = (
            "the bounds coincide and are rigorous"
            if claim.proved
            else "this needs rigorous bounds that coincide"
        )
        raise reader["status"].error(met)
    if claim.certified == bool(claim.next) or len(set(claim.next)) != len(claim.next):
        raise reader["next"].error("next steps go with an open status, and only with that")
    return claim


def _upper(reader: Reader, size: int, points: int) -> UpperBound:
    reader.keys("laws", "ranks", "rigorous", "patterns", "recipe")
    recipe = _recipe(reader["recipe"], points)
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


def _recipe(reader: Reader, points: int) -> Recipe:
    reader.keys("prime", "seed", "counts", "points")
    counts = reader["counts"].items(most=LEVEL_LIMIT)
    if not counts:
        raise reader["counts"].error("at least one count is needed")
    return Recipe(
        _prime(reader["prime"], 2**31),
        reader["seed"].integer(0, SEED_LIMIT),
        tuple(item.integer(1, COUNT_LIMIT) for item in counts),
        _places(reader["points"], points) if "points" in reader.value else (),
    )


def _places(reader: Reader, points: int) -> tuple[int, ...]:
    """Which of so many listed inputs are meant."""
    places = [item.integer(0, points - 1) for item in reader.items(most=points)]
    if not places or places != sorted(set(places)):
        raise reader.error("places of listed inputs, from 0, ascend, each once")
    return tuple(places)


def _prime(reader: Reader, below: int) -> int:
    number = reader.integer(2**20, below)
    if not is_prime(number):
        raise reader.error("a prime is needed")
    return number


def _lower(reader: Reader, data: Data, laws: tuple[StatedLaw, ...], size: int) -> LowerBound:
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
    found = Minor(
        _prime(minor["prime"], 2**61),
        minor["seed"].integer(0, SEED_LIMIT),
        tuple(rows),
        tuple(columns),
    )
    return LowerBound(least, reader["rigorous"].boolean(), found, exist)


def _row(reader: Reader, data: Data, laws: tuple[StatedLaw, ...]) -> tuple[int, int]:
    law, component = reader.items(exactly=2)
    index = law.integer(0, len(laws) - 1)
    if data == "all" and laws[index].origin != "architecture":
        raise law.error("this law is due to the class, so it says nothing of all data")
    return index, component.integer(0, count(laws[index].program) - 1)


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
        twice = next(name for name, times in counts.items() if times > 1)
        raise _NotPlainError(f"the key '{twice}' stands twice in one object")
    return found


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        raise _NotPlainError(f"a number of {len(text):,} digits; {_DIGITS} are the most")
    return int(text)


def _no_number(text: str) -> NoReturn:
    raise _NotPlainError(f"'{text[:40]}' where numbers are whole")
