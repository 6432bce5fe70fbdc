"""What it costs to watch a GPT of ten million parameters: time of a step, memory, the analysis.

The same loop with and without, step by step in turn, so that whatever else the machine does slows
both. All laws, every step; families that are matrices by one random combination for each head.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.measure import Measurement, Result, WrongCountError

STEPS = 8  # of each kind, for one sample
ROWS, TOKENS = 8, 128
SHAPE = {"dim": 384, "heads": 6, "layers": 6, "context": TOKENS}
PARAMETERS = 10_770_432
FAMILIES = 57


def run(repetitions: int) -> Result:
    """Overheads as shares, and seconds of the analysis."""
    found = [_worker(seed, first=seed == 0) for seed in range(min(repetitions, 3))]
    for one in found:
        if (one["parameters"], one["violated"]) != (PARAMETERS, 0):
            raise WrongCountError(f"{one['parameters']} parameters, {one['violated']} violated")
    name = f"GPT, {PARAMETERS:,} parameters, batch {ROWS}×{TOKENS}"
    time = tuple(one["time"] for one in found)
    memory = tuple(one["memory"] for one in found)
    details = {key: found[0][key] for key in ("step", "watched", "process", "held", "families")}
    return Result(
        [
            Measurement(f"{name}: time of a step", "%", time, 2.0, strict=False, details=details),
            Measurement(f"{name}: memory", "%", memory, 1.0, strict=False),
            Measurement(f"{name}: laws, first time", "s", (found[0]["first"],), 120.0),
            Measurement(f"{name}: laws, from the cache", "s", tuple(o["kept"] for o in found), 2.0),
        ]
    )


def _worker(seed: int, *, first: bool) -> dict[str, Any]:
    told = [sys.executable, "-m", "benchmarks.watching", str(seed), "first" if first else "kept"]
    made = subprocess.run(told, cwd=ROOT, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return answer


def measure(seed: int, first: bool) -> dict[str, Any]:
    """One sample, in a process of its own."""
    from statistics import median
    from time import perf_counter

    import torch
    from torch.nn import functional as F

    import conserved as cq
    from conserved.watching.saved import folder
    from examples.gpt import GPT

    torch.set_num_threads(2)
    torch.manual_seed(seed)
    model = GPT(96, **SHAPE)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    example = torch.zeros(1, 3, dtype=torch.long)
    started = perf_counter()
    if first:
        for path in folder().glob("*.json"):
            path.unlink()
    cq.watch(model, optimizer, example, loss="cross-entropy").close()
    analysis = perf_counter() - started
    started = perf_counter()
    cq.watch(model, optimizer, example, loss="cross-entropy").close()
    kept = perf_counter() - started

    def step() -> float:
        tokens = torch.randint(96, (ROWS, TOKENS + 1))
        begun = perf_counter()
        optimizer.zero_grad()
        logits = model(tokens[:, :-1]).flatten(0, 1)
        F.cross_entropy(logits, tokens[:, 1:].flatten()).backward()
        optimizer.step()
        return perf_counter() - begun

    for _ in range(3):
        step()
    alone = _resident()
    w = cq.watch(model, optimizer, example, loss="cross-entropy")
    step()
    without, watched = [], []
    hooks = optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks
    kept_hooks = [dict(hook) for hook in hooks]
    for _ in range(STEPS):
        for hook in hooks:
            hook.clear()
        without.append(step())
        w._observer.skip()
        for hook, held in zip(hooks, kept_hooks, strict=True):
            hook.update(held)
        step()  # after a gap a look has more to measure
        watched.append(step())
    held = _resident()
    violated = len(w.violated)
    w.close()
    return {
        "time": 100 * (median(b / a for a, b in zip(without, watched, strict=True)) - 1),
        "memory": 100 * max(0, held - alone) / alone,
        "step": median(without),
        "watched": median(watched),
        "process": alone / 1e6,
        "held": (held - alone) / 1e6,
        "first": analysis,
        "kept": kept,
        "parameters": sum(p.numel() for p in model.parameters()),
        "families": len(w.tracks),
        "violated": violated,
    }


def _resident() -> int:
    """Peak bytes of this process so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), sys.argv[2] == "first")))
