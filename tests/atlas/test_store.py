"""The results file: what it keeps, what it refuses, and what it leaves alone."""

import sqlite3
from dataclasses import replace

import pytest

from conserved.atlas import Atlas, Case, Result
from conserved.atlas.store import APPLICATION_ID, Store
from conserved.errors import InputError

CASE = Case("poly:2-1-1,power=2", "poly:3", "rotation:5")
DONE = Result(CASE, 0, 2, 3, (1, 2), True, True, "closed", "", "", 8388593, 1.5, 0.25)
OPEN = replace(DONE, upper=3, closed=False)
FAILED = Result(CASE, 0, reason="symmetry 'rotation': size 100,000; the limit is 10,000")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.sqlite"


def kept(path):
    return Atlas.open(path).results


@pytest.mark.parametrize("result", [DONE, OPEN, FAILED], ids=["done", "open", "failed"])
def test_what_is_saved_comes_back(path, result):
    with Store(path) as store:
        store.save(result)
    assert kept(path) == (result,)


def test_seeds_are_kept_apart(path):
    with Store(path) as store:
        store.save(DONE)
        store.save(replace(DONE, seed=7))
    assert [result.seed for result in kept(path)] == [0, 7]


@pytest.mark.parametrize("worse", [OPEN, FAILED], ids=["open", "failed"])
def test_a_closed_bound_is_never_replaced_but_the_computation_counts(path, worse):
    with Store(path) as store:
        store.save(DONE)
        store.save(worse)
    assert kept(path) == (replace(DONE, computations=2),)


@pytest.mark.parametrize("worse", [OPEN, FAILED], ids=["open", "failed"])
def test_a_better_result_takes_the_place(path, worse):
    with Store(path) as store:
        store.save(worse)
        store.save(DONE)
    assert kept(path) == (replace(DONE, computations=2),)


def test_a_failure_never_replaces_a_bound(path):
    with Store(path) as store:
        store.save(OPEN)
        store.save(FAILED)
    assert kept(path) == (replace(OPEN, computations=2),)


def test_rows_of_another_schema_are_not_ours(path):
    with Store(path) as store:
        store.save(DONE)
        store._database.execute("UPDATE results SET schema = 99")
        assert store.results() == ()


def test_an_empty_file_becomes_an_atlas(path):
    path.touch()
    with Store(path) as store:
        store.save(DONE)
    assert kept(path) == (DONE,)


def test_a_file_is_recognised_from_outside(path):
    with Store(path):
        database = sqlite3.connect(path)
        assert database.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        database.close()


def test_one_file_is_left_also_after_reading(path):
    with Store(path) as store:
        store.save(DONE)
    assert kept(path) == (DONE,)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_reader_sees_each_row_while_the_writer_works(path):
    with Store(path) as store:
        store.save(DONE)
        assert kept(path) == (DONE,)
        store.save(replace(DONE, seed=1))
        assert len(kept(path)) == 2


def foreign(path):
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE results (precious TEXT)")
    database.close()


def newer(path):
    Store(path).__exit__(None, None, None)
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()


@pytest.mark.parametrize(
    "make,advice",
    [
        (lambda path: path.write_text("my notes\n" * 400), "is not an atlas"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\1" * 5000), "is not an atlas"),
        (foreign, "is not an atlas"),
        (newer, "another version of conserved"),
    ],
    ids=["text", "damaged", "another program's", "newer"],
)
@pytest.mark.parametrize("create", [True, False])
def test_what_is_not_an_atlas_is_refused_and_left_as_it_was(path, make, advice, create):
    make(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=advice) as caught:
        Store(path, create=create)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_folder_and_a_missing_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        Store(tmp_path)
    with pytest.raises(InputError, match="its folder does not exist"):
        Store(tmp_path / "nowhere" / "results.sqlite")


def test_reading_makes_no_file(path):
    with pytest.raises(InputError, match="does not exist"):
        Atlas.open(path)
    assert not path.exists()
