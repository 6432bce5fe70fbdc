"""What it costs to watch a GPT of ten million parameters: time of a step, memory, the analysis.

The time in the hooks of a watch beside the rest of the same steps, so that whatever else the
machine does slows both. All laws, every step; families that are matrices by one random combination
for each head; the same with a random part of each large family.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.measure import Measurement, Result, WrongCountError

FIRST, STEPS, RARELY = 8, 32, 8  # steps before and in a sample; a look at every so many
PROBE = 0.125  # of each large family
OVERHEAD, LONG = 0.02, 64  # the share of time that looks may take; steps of a sample of it
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
    modes = "alone", "watched", "probed"
    peaks = [[_worker(seed, mode, cache)["peak"] for mode in modes] for seed in range(3)]
    memory, less = (tuple(100 * (one[k] / one[0] - 1) for one in peaks) for k in (1, 2))
    details = {key: found[0][key] for key in ("step", "families")}
    always, probed, rarely, paid = (
        tuple(one[key] for one in found) for key in ("always", "probed", "rarely", "paid")
    )
    often = {"steps between looks": [one["between"] for one in found]}
    return Result(
        [
            Measurement(f"{name}: time, a look at every step", "%", always, 2.0, strict=False),
            Measurement(
                f"{name}: time, a look at every step, probe={PROBE}",
                "%",
                probed,
                2.0,
                strict=False,
            ),
            Measurement(f"{name}: time, a look at every {RARELY}th step", "%", rarely, 2.0),
            Measurement(
                f"{name}: time, overhead={OVERHEAD}",
                "%",
                paid,
                100 * OVERHEAD,
                strict=False,
                details=often,
            ),
            Measurement(f"{name}: memory", "%", memory, 1.0, strict=False, details=details),
            Measurement(f"{name}: memory, probe={PROBE}", "%", less, 1.0, strict=False),
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


def batched(values: list[float], size: int) -> list[list[float]]:
    """Parts of a list, all of one size."""
    return [values[start : start + size] for start in range(0, len(values), size)]


@dataclass
class Share:
    """Seconds of the hooks of a watch in each step, and of the step without them."""

    hooks: list[float]
    steps: list[float]
    watched: Any

    @property
    def percent(self) -> float:
        """Of the steps."""
        return 100 * sum(self.hooks) / sum(self.steps)

    @property
    def looked(self) -> list[int]:
        """Steps of which the hooks took long."""
        return [k for k, hook in enumerate(self.hooks) if hook > 10 * median(self.hooks)]

    def between_looks(self) -> Share:
        """From after one look to the end of another.

        Raises:
            WrongCountError: there are no two.
        """
        if len(self.looked) < 2:
            raise WrongCountError(f"{len(self.looked)} looks in {len(self.hooks)} steps")
        chosen = slice(self.looked[0] + 1, self.looked[-1] + 1)
        return Share(self.hooks[chosen], self.steps[chosen], self.watched)


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

    def watch(self, **pace: Any) -> Any:
        import conserved as cq

        options = {"loss": "cross-entropy", **pace}
        return cq.watch(self.model, self.optimizer, self.example, **options)

    def steps(self, count: int) -> None:
        """Take so many."""
        import torch
        from torch.nn import functional as F

        for _ in range(count):
            tokens = torch.randint(96, (ROWS, TOKENS + 1))
            self.optimizer.zero_grad()
            logits = self.model(tokens[:, :-1]).flatten(0, 1)
            F.cross_entropy(logits, tokens[:, 1:].flatten()).backward()
            self.optimizer.step()

    def share(self, count: int, **pace: Any) -> Share:
        """What the hooks of a watch take of steps without them."""
        marks: list[float] = []
        mark = lambda *_: marks.append(perf_counter())  # noqa: E731
        hooked = (
            self.model.register_forward_pre_hook,
            self.optimizer.register_step_pre_hook,
            self.optimizer.register_step_post_hook,
        )
        around = [hook(mark) for hook in hooked]
        w = self.watch(**pace)
        around += [hook(mark) for hook in hooked]
        self.steps(FIRST)  # the first looks have more to measure
        marks.clear()
        begun = perf_counter()
        self.steps(count)
        w.close()
        for hook in around:
            hook.remove()
        # six marks a step: around what is hooked to the forward, before the step and after it
        hooks = [b - a + d - c + f - e for a, b, c, d, e, f in batched(marks, 6)]
        whole = [b - a for a, b in pairwise([begun, *marks[5::6]])]
        steps = [one - hook for one, hook in zip(whole, hooks, strict=True)]
        return Share(hooks, steps, w)


def measure(seed: int, mode: str) -> dict[str, Any]:
    """One sample, in a process of its own."""
    loop = Loop(seed)
    if mode in ("alone", "watched", "probed"):  # the same modules are loaded in all
        held = loop.watch(probe=PROBE if mode == "probed" else 1.0)
        if mode == "alone":
            held.close()
            del held
            gc.collect()
        loop.steps(4)
        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
    begun = perf_counter()
    loop.watch().close()
    laws = perf_counter() - begun
    begun = perf_counter()
    loop.watch().close()
    kept = perf_counter() - begun
    always, rarely = loop.share(STEPS), loop.share(STEPS, every=RARELY)
    probed = loop.share(STEPS, probe=PROBE)
    paid = loop.share(LONG, overhead=OVERHEAD).between_looks()
    return {
        "always": always.percent,
        "probed": probed.percent,
        "rarely": rarely.percent,
        "paid": paid.percent,
        "between": len(paid.hooks) / len(paid.looked),
        "step": sum(always.steps) / STEPS,
        "laws": laws,
        "kept": kept,
        "parameters": sum(p.numel() for p in loop.model.parameters()),
        "families": len(always.watched.tracks),
        "violated": sum(len(one.watched.violated) for one in (always, probed, rarely, paid)),
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
