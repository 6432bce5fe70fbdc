"""What it costs to watch a GPT of ten million parameters: time of a step, memory, the analysis.

The same loop with and without, step by step in turn, so that whatever else the machine does slows
both. All laws, every step; families that are matrices by one random combination for each head.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.measure import Measurement, Result, WrongCountError

BLOCKS, RARELY = 6, 8  # blocks of steps of each kind, for one sample; a look at every so many
ROWS, TOKENS = 8, 128
SHAPE = {"dim": 384, "heads": 6, "layers": 6, "context": TOKENS}
PARAMETERS = 10_770_432


def run(repetitions: int) -> Result:
    """Overheads as shares, and seconds of the analysis."""
    with TemporaryDirectory() as cache:
        return _run(repetitions, cache)


def _run(repetitions: int, cache: str) -> Result:
    times = range(min(repetitions, 3))
    found = [_worker(seed, "kept" if seed else "first", cache) for seed in times]
    for one in found:
        if (one["parameters"], one["violated"]) != (PARAMETERS, 0):
            raise WrongCountError(f"{one['parameters']} parameters, {one['violated']} violated")
    name = f"GPT, {PARAMETERS:,} parameters, batch {ROWS}×{TOKENS}"
    modes = "alone", "watched"
    peaks = [[_worker(seed, mode, cache)["peak"] for mode in modes] for seed in range(3)]
    memory = tuple(100 * (watched / alone - 1) for alone, watched in peaks)
    details = {key: found[0][key] for key in ("step", "families")}
    always, rarely = (tuple(one[key] for one in found) for key in ("always", "rarely"))
    return Result(
        [
            Measurement(f"{name}: time, a look at every step", "%", always, 2.0, strict=False),
            Measurement(f"{name}: time, a look at every {RARELY}th step", "%", rarely, 2.0),
            Measurement(f"{name}: memory", "%", memory, 1.0, strict=False, details=details),
            Measurement(f"{name}: laws, first time", "s", (found[0]["laws"],), 120.0),
            Measurement(f"{name}: laws, from the cache", "s", tuple(o["kept"] for o in found), 2.0),
        ]
    )


def _worker(seed: int, mode: str, cache: str) -> dict[str, Any]:
    told = [sys.executable, "-m", "benchmarks.watching", str(seed), mode]
    env = {**os.environ, "CONSERVED_CACHE": cache}
    made = subprocess.run(told, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return answer


class Loop:
    """The model, its optimizer, and one step."""

    def __init__(self, seed: int) -> None:
        import torch

        from examples.gpt import GPT

        torch.set_num_threads(2)
        torch.manual_seed(seed)
        self.model = GPT(96, **SHAPE)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)
        self.example = torch.zeros(ROWS, TOKENS, dtype=torch.long)

    def watch(self, every: int = 1) -> Any:
        import conserved as cq

        options = {"loss": "cross-entropy", "every": every}
        return cq.watch(self.model, self.optimizer, self.example, **options)

    def steps(self, count: int) -> float:
        """Seconds of so many steps."""
        import torch
        from torch.nn import functional as F

        begun = perf_counter()
        for _ in range(count):
            tokens = torch.randint(96, (ROWS, TOKENS + 1))
            self.optimizer.zero_grad()
            logits = self.model(tokens[:, :-1]).flatten(0, 1)
            F.cross_entropy(logits, tokens[:, 1:].flatten()).backward()
            self.optimizer.step()
        return perf_counter() - begun


def measure(seed: int, mode: str) -> dict[str, Any]:
    """One sample, in a process of its own."""
    loop = Loop(seed)
    if mode in ("alone", "watched"):
        held = loop.watch()  # the same modules are loaded in both
        if mode == "alone":
            held.close()
        loop.steps(4)
        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
    begun = perf_counter()
    loop.watch().close()
    laws = perf_counter() - begun
    begun = perf_counter()
    loop.watch().close()
    kept = perf_counter() - begun
    loop.steps(2)
    shares: dict[str, list[float]] = {"always": [], "rarely": []}
    step, violated = [], 0
    for _ in range(BLOCKS):
        for key, every, count in (("always", 1, 2), ("rarely", RARELY, RARELY)):
            alone = loop.steps(count)
            w = loop.watch(every)
            if every == 1:
                loop.steps(8)  # the first looks have more to measure
            shares[key].append(100 * (loop.steps(count) / alone - 1))
            violated, families = violated + len(w.violated), len(w.tracks)
            w.close()
            step.append(alone / count)
    return {
        **{key: median(found) for key, found in shares.items()},
        "step": median(step),
        "laws": laws,
        "kept": kept,
        "parameters": sum(p.numel() for p in loop.model.parameters()),
        "families": families,
        "violated": violated,
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
