"""Two processes see what one sees; one that forgets to reduce its gradients is named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.blocks.document import to_document
from conserved.errors import InputError
from conserved.watching.log.files import records
from conserved.watching.ranks import Ranks
from tests.documents import PROJECT
from tests.watching.runs import mlp, mlp_laws

torch = pytest.importorskip("torch", reason="needs the extra torch")
if not torch.distributed.is_available():
    pytest.skip("this torch has no processes", allow_module_level=True)


def run(folder: Path, way: str) -> list[Any]:
    (folder / "laws.json").write_text(json.dumps(to_document(mlp_laws())))
    ranks = (0,) if way == "alone" else (0, 1)
    told = [sys.executable, "-m", "tests.watching.two_ranks"]
    made = [subprocess.Popen([*told, str(r), str(folder), way], cwd=PROJECT) for r in ranks]
    assert [process.wait(timeout=240) for process in made] == [0] * len(ranks)
    return [json.loads((folder / f"{way}-{rank}.json").read_text()) for rank in ranks]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["ddp", "fsdp"])
def test_the_same_numbers_as_one_process(way: str, tmp_path: Path) -> None:
    (alone,) = run(tmp_path, "alone")
    for one in run(tmp_path, way):
        np.testing.assert_allclose(one["values"], alone["values"], rtol=1e-10)
        assert one["since"] == [None] * len(one["since"]), one["verdict"]
        assert max(one["residual"]) < 50
    lines = [r for r in records(tmp_path / f"{way}.jsonl") if r["kind"] == "step"]
    assert [line["step"] for line in lines] == list(range(1, 9))  # rank 0 alone writes


@pytest.mark.slow
def test_half_precision_of_sharded_parameters_is_no_fault(tmp_path: Path) -> None:
    for one in run(tmp_path, "mixed"):
        assert one["since"] == [None] * len(one["since"]), one["verdict"]


@pytest.mark.slow
def test_a_rank_that_skips_the_all_reduce(tmp_path: Path) -> None:
    for one in run(tmp_path, "skips"):
        assert set(one["since"]) == {4}
        assert "is not the same on all ranks" in one["verdict"]
        assert "an all-reduce was left out" in one["verdict"]


def test_alone_there_is_nobody_to_differ_from() -> None:
    assert Ranks().differences(["a"], np.ones(1), np.ones(1)) == {}


def test_ranks_that_differ_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from conserved.watching import ranks

    monkeypatch.setattr(ranks, "world", lambda: (0, 3))
    seen = np.array([[1.0, 2.0, 5.0, np.nan], [1.0, 2.0, 5.0, np.nan], [1.0, 2.1, 5.0, np.nan]])
    monkeypatch.setattr(ranks, "_gathered", lambda mine: seen)
    told = Ranks().differences(["a", "b"], np.ones(2), np.ones(2))
    assert list(told) == ["b"]
    assert "the gradient of b is not the same on all ranks (rank 2 differs)" in told["b"]


def test_ranks_look_at_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from conserved.watching import opening

    monkeypatch.setattr(opening, "world", lambda: (0, 2))
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(InputError, match=r"overhead.*every="):
        cq.watch(model, optimizer, laws=mlp_laws(), overhead=0.02)
