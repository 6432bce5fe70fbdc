"""What docs/atlas.md shows is what the program does."""

import re
import sqlite3
from pathlib import Path

from conserved.atlas import Atlas, cases, sweep
from conserved.atlas.store import _COLUMNS, APPLICATION_ID

PAGE = Path(__file__).parents[2] / "docs" / "atlas.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_python_block_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    exec(code, {"__name__": "__main__"})
    assert "rotation: 3 4 5" in capsys.readouterr().out


def test_the_query_finds_the_cells(tmp_path):
    path = tmp_path / "results.sqlite"
    found = sweep(cases(["linear:2-1-1"], ["mse"], ["rotation:3", "rotation:4"]), path, jobs=1)
    (query,) = blocks("sql")
    database = sqlite3.connect(path)
    rows = database.execute(query).fetchall()
    database.close()
    assert sorted(rows) == [(cell.case.symmetry, cell.added_upper) for cell in found.cells]
    assert Atlas.open(path) == Atlas(tuple(sorted(found.results, key=lambda r: r.case.key)))


def test_every_column_is_described():
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index("| column | holds |") :]
    assert [name for name in _COLUMNS if f"`{name}`" not in table] == []
    assert str(APPLICATION_ID) in page
