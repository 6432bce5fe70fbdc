"""Logs that ``cq.watch`` writes, as they are seen while it writes and afterwards."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

import conserved as cq
from conserved.monitor import Run, view
from tests.watching.runs import mlp, mlp_laws, train

torch = pytest.importorskip("torch", reason="needs the extra torch")

OPTIMIZERS = {
    "momentum": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9),
    "still": lambda p: torch.optim.SGD(p, lr=1e-14),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
}


def spoiled(model: Any) -> Any:
    def spoil(step: int) -> None:
        if step >= 5:
            model[2].weight.grad[0] *= 2

    return spoil


@pytest.mark.parametrize("fault", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_seen_meanwhile_is_what_is_said_at_the_end(
    tmp_path: Path, name: str, fault: bool
) -> None:
    log = tmp_path / "run.jsonl"
    model = mlp()
    optimizer = OPTIMIZERS[name](model.parameters())
    watched = cq.watch(model, optimizer, laws=mlp_laws(), log=log)
    train(model, optimizer, 40, before=spoiled(model) if fault else lambda step: None)
    model.state_dict()  # for a checkpoint all is written
    run = Run(log, Path(mkdtemp(dir=tmp_path)))
    run.update()
    assert run.marks.closed is None
    meanwhile = [(row.outcome, row.found.since) for row in view.rows(run)]
    assert meanwhile == [(track.outcome, track.since) for track in watched.tracks]
    assert run.steps == 40
    assert run.marks.unread == 0
    for row, track in zip(view.rows(run), watched.tracks, strict=True):
        assert row.text == track.text
        assert row.drift == pytest.approx(track.drift / track.size, rel=1e-6, abs=1e-14)
    watched.close()
    run.update()
    assert run.marks.closed is not None
    assert [(row.outcome, row.found.since) for row in view.rows(run)] == meanwhile
    assert [row.found for row in view.rows(run)] == [track.finding for track in watched.tracks]
    outcomes = {outcome for outcome, _ in meanwhile}
    expected = {"momentum": "drifting as predicted", "still": "conserved", "adam": "drifting"}
    assert outcomes <= {expected[name], "violated"}
    assert ("violated" in outcomes) == fault
