"""Analyses in files: JSON with all that ``Analysis`` holds, and the problem as its program.

A file is a record, and no proof: what it says is read with care and believed. ``conserved check``
proves a certificate.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from conserved._version import __version__
from conserved.certificate.document import rebuild
from conserved.closure import Closure
from conserved.errors import InputError
from conserved.explain import Explanation
from conserved.files import write_whole
from conserved.kernel.certificate import Certificate
from conserved.kernel.reader import Reader
from conserved.kernel.reading_statement import read_statement
from conserved.kernel.span import Existence
from conserved.kernel.statement import Statement
from conserved.law import law_from_json
from conserved.problem import Problem
from conserved.symmetry import files_of

_STATEMENT = ("program", "loss", "symmetry", "flow", "data")  # as certificates write it
SCHEMA = "conserved.saved-analysis/1"
_LONG = 100_000  # characters of one text
_MOST = 2**62
_SECONDS = 1e12


def text_of(analysis: Any) -> str:
    """The content of the file.

    Raises:
        InputError: a problem that its names and the network's program do not build again.
    """
    problem = analysis.problem
    group, stated = files_of(problem.group), problem.stated
    metric = problem.moves.metric
    built = rebuild(problem.to_json(), problem.network.program, group, stated, metric)
    if built.loss != problem.loss or built.group != problem.group:
        advice = "a file can hold losses and groups of the grammar (conserved list), and one is not"
        raise InputError("problem", problem.network.spec, advice)
    statement = Statement(problem.network.program, problem.loss, None, problem.moves, stated)
    written = Certificate(statement, (), (), __version__, {}).to_json()
    proved = (analysis.existence, analysis.architecture_existence)
    document = {
        "schema": SCHEMA,
        "analysis": analysis.to_json(),
        "statement": {key: written[key] for key in _STATEMENT},
        "groups": group,
        "closures": [asdict(analysis.closure), asdict(analysis.architecture_closure)],
        "existence": [None if found is None else found.to_json() for found in proved],
        "searched": analysis.searched,
        "degree": analysis.degree,
        "quotients": analysis.quotients,
        "seed": analysis.seed,
        "seconds": analysis.seconds,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def write(path: str | Path, text: str) -> None:
    """Write the file, whole or not at all; folders on the way are made.

    Raises:
        InputError: it cannot be written.
    """
    try:
        Path(path).resolve().parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except (OSError, TypeError, ValueError) as error:  # the latter two: no name of a file
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("path", path, f"cannot be written: {reason}") from error


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ``Analysis`` is made from, and the JSON that it has to give again.

    Raises:
        InputError: an unreadable file, or one that is no saved analysis, with the place.
    """
    try:
        document = json.loads(Path(path).read_text("utf-8"))
    except (OSError, TypeError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or f"is no JSON: {error}"
        raise InputError("path", path, reason) from error
    try:
        reader = Reader(document, "")
        reader["schema"].choice(SCHEMA)
        return _parts(reader), document["analysis"]
    except InputError as error:
        raise InputError("path", path, f"is no saved analysis: {error}") from error


def same(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an analysis tells what its file tells; the version may be another."""
    return {**given, "version": ""} == {**wanted, "version": ""}


def _parts(reader: Reader) -> dict[str, Any]:
    problem = _problem(reader)
    told = reader["analysis"]
    closure, everything = (_closure(item) for item in reader["closures"].items(exactly=2))
    existence, architecture = (_existence(item) for item in reader["existence"].items(exactly=2))
    laws = enumerate(told["laws"].items())
    reasons = tuple(item.text(_LONG) for item in told["explanation"].items())
    return {
        "problem": problem,
        "closure": closure,
        "architecture_closure": closure if closure == everything else everything,
        "laws": tuple(law_from_json(law.value, problem.state, f"laws[{k}]") for k, law in laws),
        "explanation": Explanation(reasons),
        "notes": tuple(item.text(_LONG) for item in told["notes"].items()),
        "searched": reader["searched"].boolean(),
        "degree": reader["degree"].integer(0, 1000),
        "quotients": reader["quotients"].boolean(),
        "unknowns": told["unknowns"].integer(0, _MOST),
        "seed": reader["seed"].integer(0, _MOST),
        "seconds": _number(reader["seconds"]),
        "existence": existence,
        "architecture_existence": architecture,
    }


def _problem(reader: Reader) -> Problem:
    statement = read_statement(reader["statement"])
    words = reader["analysis"]["problem"]
    keys = ("network", "loss", "symmetry", "labels", "flow")
    texts = {key: words[key].text(400) for key in keys}
    if statement.data is not None:
        texts["inputs"] = words["inputs"].text(400)
    groups = reader["groups"].value
    if not isinstance(groups, dict) or not all(isinstance(g, dict) for g in groups.values()):
        raise reader["groups"].error("an object is needed, matrices by the name of their file")
    metric = statement.flow.metric
    return rebuild(texts, statement.program, groups, statement.data, metric)


def _closure(reader: Reader) -> Closure:
    """Each field by the type that it is declared with."""
    read: dict[str, Callable[[Reader], Any]] = {
        "int": lambda item: item.integer(0, _MOST),
        "bool": Reader.boolean,
        "str": lambda item: item.text(_LONG),
        "float": _number,
        "tuple[int, ...]": lambda item: tuple(one.integer(0, _MOST) for one in item.items()),
    }
    names = [entry.name for entry in fields(Closure)]
    reader.keys(*names)
    return Closure(**{f.name: read[str(f.type)](reader[f.name]) for f in fields(Closure)})


def _existence(reader: Reader) -> Existence | None:
    if reader.value is None:
        return None
    degree, error = reader["degree"], reader["error"]
    return Existence(
        holds=reader["holds"].boolean(),
        rank=reader["rank"].integer(0, _MOST),
        degree=None if degree.value is None else degree.integer(0, _MOST),
        primes=tuple(one.integer(2, _MOST) for one in reader["primes"].items()),
        error=None if error.value is None else _number(error),
    )


def _number(reader: Reader) -> float:
    value = reader.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _SECONDS:
        raise reader.error("a number ≥ 0 is needed")
    return float(value)
