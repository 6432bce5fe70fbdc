"""A run that is killed at random moments, over and over: nothing is lost, nothing is told twice.

``python -m tests.watching.killed FOLDER SEED KILLS [checkpoints]``; exit status 0 if all is well.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="what is trained is PyTorch's")

import torch

import conserved as cq
from conserved.watching.log import companion, index, place
from conserved.watching.log.files import older_parts, records
from conserved.watching.log.index import Index
from conserved.watching.log.left import line_by_line, through_index
from tests.watching.runs import mlp, mlp_laws, train
from tests.watching.traced import traced

ROTATE, EVERY, MOST = 4000, 50, 0.6  # bytes, steps, seconds
OPENING = 20_000  # lines of the program that open a log


def run(folder: Path, seed: int, checkpoints: bool, after: int) -> None:
    """Train for ever, from the last checkpoint if there is one.

    Args:
        folder: of the log.
        seed: of the data.
        checkpoints: whether there are any.
        after: lines of the program after which it is killed, if it is still opening the log.
    """
    model, kept = mlp(), folder / "state.pt"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    step = None
    if kept.exists():
        step, state, velocity = torch.load(kept)
        model.load_state_dict(state)
        optimizer.load_state_dict(velocity)
    log = folder / "run.jsonl"
    with traced(after, lambda: os.kill(os.getpid(), signal.SIGKILL)):
        watched = cq.watch(model, optimizer, laws=mlp_laws(), log=log, rotate=ROTATE, step=step)

    def between(_: int) -> None:
        if checkpoints and watched.steps % EVERY == 0:
            torch.save([watched.steps, model.state_dict(), optimizer.state_dict()], folder / "half")
            (folder / "half").replace(kept)

    train(model, optimizer, 10**6, seed=seed, between=between)


def check(log: Path) -> int:
    """Every step once, in order, in the log and in its index; how many there are."""
    steps: list[int] = []
    for record in records(log):
        if record["kind"] == "run":
            steps = [step for step in steps if step <= record["from"]]
            assert steps[-1:] in ([], [record["from"]])
        elif record["kind"] == "step":
            steps.append(record["step"])
    assert steps == list(range(1, len(steps) + 1))
    runs = {r["run"] for r in records(log) if r["kind"] == "run"}
    if not runs:
        return 0  # it was killed before it wrote a line
    assert len(runs) == 1
    seen = Index(log)
    seen.update()
    assert (seen.pyramid.rows, seen.steps, seen.marks.unread) == (len(steps), len(steps), 0)
    seen.close()
    assert through_index(log, None) in (line_by_line(log, None), None)
    return len(steps)


def main(folder: Path, seed: int, kills: int, checkpoints: bool) -> None:
    for module in (place, index, companion):
        module.LONG = 1 << 13  # type: ignore[attr-defined]
    companion._PIECE, index._SAVE = 1 << 11, 0.05
    torch.set_num_threads(1)
    mlp_laws()
    log, draws, before = folder / "run.jsonl", random.Random(seed), 0
    for _ in range(kills):
        data, opening = draws.randrange(10**6), draws.choice([-1, draws.randrange(OPENING)])
        child = os.fork()
        if not child:
            run(folder, data, checkpoints, opening)
        time.sleep(draws.uniform(0, MOST))
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        if log.exists() or older_parts(log):
            count = check(log)
            assert checkpoints or count >= before
            before = count
    assert before > kills
    assert len(older_parts(log)) > 3


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), "checkpoints" in sys.argv)
