"""The results file: one SQLite table, one row a problem, one transaction a row.

Killing the program loses no row that was written, and several programs may write to one file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from conserved.atlas.case import Case
from conserved.atlas.results import Result
from conserved.errors import ConservedError, InputError

SCHEMA_VERSION = 1  # part of the key: raise it when a row means something else than before
LAYOUT_VERSION = 1  # of the table itself
APPLICATION_ID = 0x434F4E53  # "CONS": tells an atlas from other SQLite files
_WAIT = 60.0  # seconds for another program to finish its transaction

_TABLE = """
CREATE TABLE results (
    problem      TEXT    NOT NULL,  -- canonical JSON of the problem
    seed         INTEGER NOT NULL,
    schema       INTEGER NOT NULL,  -- what a row means
    network      TEXT    NOT NULL,  -- the problem again, a column a text
    loss         TEXT    NOT NULL,
    symmetry     TEXT    NOT NULL,
    labels       TEXT    NOT NULL,
    flow         TEXT    NOT NULL,
    upper        INTEGER,           -- at most so many laws; NULL: failed
    parameters   INTEGER,
    ranks        TEXT    NOT NULL,  -- JSON array
    closed       INTEGER NOT NULL,
    rigorous     INTEGER NOT NULL,
    stopped      TEXT    NOT NULL,
    note         TEXT    NOT NULL,
    reason       TEXT    NOT NULL,  -- why it failed, else empty
    prime        INTEGER,
    budget       REAL,              -- seconds; NULL: no limit
    seconds      REAL    NOT NULL,
    version      TEXT    NOT NULL,  -- of conserved
    computations INTEGER NOT NULL,  -- how often it was computed
    PRIMARY KEY (problem, seed, schema)
) WITHOUT ROWID
"""
_TEXTS = ("network", "loss", "symmetry", "labels", "flow")
_VALUES = (
    "upper",
    "parameters",
    "ranks",
    "closed",
    "rigorous",
    "stopped",
    "note",
    "reason",
    "prime",
    "budget",
    "seconds",
    "version",
)
_COLUMNS = ("problem", "seed", "schema", *_TEXTS, *_VALUES, "computations")
# A second computation counts, but never puts something worse in the place of a bound: two programs
# with different budgets may work on one file.
_KEEP = "closed OR (upper IS NOT NULL AND (excluded.upper IS NULL OR excluded.upper > upper))"
_SAVE = f"""
INSERT INTO results ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" * len(_COLUMNS))})
ON CONFLICT DO UPDATE SET
    {", ".join(f"{c} = iif({_KEEP}, {c}, excluded.{c})" for c in _VALUES)},
    computations = computations + 1
"""
_READ = f"SELECT {', '.join((*_TEXTS, 'seed', *_VALUES, 'computations'))} FROM results"


class Store:
    """An open results file; a context manager.

    Args:
        path: where it is, or shall be.
        create: make it when missing, and write to it; otherwise only read.

    Raises:
        InputError: missing, not a file, not an atlas, or of a newer layout. Whatever it is
            instead, it is left as it was.
    """

    def __init__(self, path: str | PathLike[str], create: bool = True) -> None:
        if not isinstance(path, str | PathLike):
            raise InputError("path", path, "give the path of a file")
        self.path = Path(fspath(path))
        self._write = create
        if self.path.exists() and not self.path.is_file():
            raise InputError("path", self.path, "is not a file")
        if not create and not self.path.exists():
            raise InputError("path", self.path, "does not exist")
        if not self.path.absolute().parent.is_dir():
            raise InputError("path", self.path, "its folder does not exist")
        with self._readable():
            uri = f"{self.path.absolute().as_uri()}?mode={'rwc' if create else 'ro'}"
            self._database = sqlite3.connect(uri, uri=True, timeout=_WAIT, isolation_level=None)
            try:
                self._require_atlas(create)
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._write:
            self._leave_one_file()
        self._database.close()

    def results(self) -> tuple[Result, ...]:
        """Every row of this schema version, in the order of the key."""
        with self._readable():
            rows = self._database.execute(
                f"{_READ} WHERE schema = ? ORDER BY problem, seed", [SCHEMA_VERSION]
            )
            return tuple(map(_result, rows))

    def save(self, result: Result) -> None:
        """Write one result: all of it or, if we are killed now, nothing."""
        row = [result.case.key, result.seed, SCHEMA_VERSION, *result.case.to_json().values()]
        row += [json.dumps(result.ranks) if c == "ranks" else getattr(result, c) for c in _VALUES]
        with self._readable():
            self._database.execute(_SAVE, [*row, result.computations])

    def _require_atlas(self, create: bool) -> None:
        """Recognise an atlas, or turn a new and empty file into one."""
        if create and self._empty():
            with self._transaction():
                if self._empty():  # another program may have been faster
                    self._database.execute(_TABLE)
                    self._database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    self._database.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")
        if self._pragma("application_id") != APPLICATION_ID:
            raise InputError("path", self.path, _NOT_AN_ATLAS)
        if self._pragma("user_version") != LAYOUT_VERSION:
            raise InputError("path", self.path, "was made by another version of conserved")
        if create:
            self._database.execute("PRAGMA journal_mode = WAL")  # elsewhere it stays as it is
            self._database.execute("PRAGMA synchronous = NORMAL")

    def _leave_one_file(self) -> None:
        """Fold the write-ahead log in, so that the file can be copied, and read from anywhere."""
        with suppress(sqlite3.OperationalError):  # another program is still at work
            self._database.execute("PRAGMA busy_timeout = 0")
            self._database.execute("PRAGMA journal_mode = DELETE")

    def _empty(self) -> bool:
        """A file without tables; what a crash while it was created leaves, too."""
        tables = self._database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        return not tables and self._pragma("application_id") == 0

    def _pragma(self, name: str) -> int:
        return int(self._database.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn what SQLite says into one clear line."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise ConservedError(f"results file '{self.path}': {error}") from error
        except sqlite3.DatabaseError as error:
            raise InputError("path", self.path, f"{_NOT_AN_ATLAS} ({error})") from error


_NOT_AN_ATLAS = "is not an atlas, so it is left as it is; name a new file"


def _result(row: tuple[Any, ...]) -> Result:
    values = dict(zip((*_TEXTS, "seed", *_VALUES, "computations"), row, strict=True))
    case = Case(**{name: values.pop(name) for name in _TEXTS})
    values["ranks"] = tuple(json.loads(values["ranks"]))
    values["closed"], values["rigorous"] = bool(values["closed"]), bool(values["rigorous"])
    return Result(case=case, **values)
