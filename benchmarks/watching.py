"""What it costs to watch a GPT of ten million parameters: time of a step, memory, the analysis.

The time in the hooks of a watch beside the rest of the same steps, so that whatever else the
machine does slows both. All laws, every step; families that are matrices by one random combination
for each head.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.measure import Measurement, Result, WrongCountError

FIRST, STEPS, RARELY = 8, 32, 8  # steps before and in a sample; a look at every so many
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

    def share(self, every: int) -> tuple[float, float, Any]:
        """What the hooks of a watch take of a step without them, in %; such a step; the watch."""
        marks: list[float] = []
        mark = lambda *_: marks.append(perf_counter())  # noqa: E731
        around = [self.optimizer.register_step_pre_hook(mark)]
        around.append(self.optimizer.register_step_post_hook(mark))
        w = self.watch(every)
        around.append(self.optimizer.register_step_pre_hook(mark))
        around.append(self.optimizer.register_step_post_hook(mark))
        self.steps(FIRST)  # the first looks have more to measure
        marks.clear()
        taken = self.steps(STEPS)
        w.close()
        for hook in around:
            hook.remove()
        looked = sum(b - a for a, b in zip(marks[::2], marks[1::2], strict=True))
        return 100 * looked / (taken - looked), (taken - looked) / STEPS, w


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
    found = {key: loop.share(every) for key, every in (("always", 1), ("rarely", RARELY))}
    return {
        **{key: share for key, (share, _, _) in found.items()},
        "step": found["always"][1],
        "laws": laws,
        "kept": kept,
        "parameters": sum(p.numel() for p in loop.model.parameters()),
        "families": len(found["always"][2].tracks),
        "violated": sum(len(w.violated) for _, _, w in found.values()),
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
