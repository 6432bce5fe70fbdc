"""PyTorch modules: export and a certified count of blocks, laws of whole models of millions.

Every sample is a process of its own, ``python -m benchmarks.modules NAME``. What the first export
of a process takes to import of torch is timed apart, on a linear layer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

from benchmarks.measure import Measurement, Result, WrongCountError
from benchmarks.worker import command, peak_mb


@dataclass(frozen=True)
class Case:
    """What is measured.

    Args:
        title: for the table.
        laws: its number of laws; for whole models, with eps and for eps → 0, at least.
        seconds, megabytes: targets.
        once: whether one sample has to do.
    """

    title: str
    laws: tuple[int, ...]
    seconds: float
    megabytes: float | None = None
    once: bool = False


CASES = {
    "block": Case("pre-norm block, D = 76: export and certified count", (15,), 3.0),
    "wide_block": Case("pre-norm block, D = 656: export and certified count", (72,), 60.0),
    "resnet18": Case(
        "block laws of ResNet-18, D = 11,689,512, 3 × 64 × 64", (3776, 8576), 120.0, 6000.0, True
    ),
    "gpt": Case(
        "block laws of a Llama (RoPE, GQA), D = 9,638,144", (18816, 18817), 120.0, 6000.0, True
    ),
}


def run(repetitions: int) -> Result:
    """Medians of fresh processes; a count that is not the known one stops everything."""
    measured = []
    for name, case in CASES.items():
        said = [
            json.loads(command(["-m", "benchmarks.modules", name])[1])
            for _ in range(1 if case.once else repetitions)
        ]
        for answer in said:
            if tuple(answer["laws"]) != case.laws:
                raise WrongCountError(f"{case.title}: {answer['laws']} laws, not {case.laws}")
        details = {
            "processor_seconds": [round(a["processor"], 3) for a in said],
            "first_export_seconds": [round(a["first"], 3) for a in said],
        }
        samples = tuple(a["seconds"] for a in said)
        measured.append(Measurement(case.title, "s", samples, case.seconds, details=details))
        if case.megabytes is not None:
            peaks = tuple(a["peak"] for a in said)
            measured.append(Measurement(f"{case.title}: memory", "MB", peaks, case.megabytes))
    return Result(measured)


def _block(dim: int, head: int, heads: int, hidden: int, tokens: int) -> list[int]:
    import torch

    import conserved as cq
    from examples.layers import PreNorm

    problem = cq.from_torch(PreNorm(dim, head, heads, hidden), torch.zeros(1, tokens, dim))
    count = cq.analyze(problem).count
    return [count.upper if count.certified else -1]


def _whole(model: Any, example: Any, **options: Any) -> list[int]:
    import conserved as cq

    found = cq.block_laws(model, example, **options)
    return [found.lower, found.lower_without_eps]


def _resnet18() -> list[int]:
    import torch

    from examples.models import ResNet

    return _whole(ResNet(), torch.zeros(1, 3, 64, 64), batch=2)


def _gpt() -> list[int]:
    import torch

    from examples.models import Llama

    model = Llama(vocabulary=8000, dim=256, heads=8, groups=2, hidden=688, layers=8)
    return _whole(model, torch.zeros(1, 8, dtype=torch.long), loss="cross-entropy")


JOBS: dict[str, Callable[[], list[int]]] = {
    "block": lambda: _block(4, 1, 2, 3, 3),
    "wide_block": lambda: _block(8, 4, 2, 16, 4),
    "resnet18": _resnet18,
    "gpt": _gpt,
}


def main(name: str) -> None:
    """One sample, as JSON."""
    import torch

    import conserved as cq

    torch.manual_seed(0)
    start = perf_counter()
    cq.from_torch(torch.nn.Linear(2, 2), torch.zeros(1, 2))
    first = perf_counter() - start
    start, busy = perf_counter(), process_time()
    laws = JOBS[name]()
    seconds, busy = perf_counter() - start, process_time() - busy
    told = {"laws": laws, "seconds": seconds, "processor": busy, "first": first, "peak": peak_mb()}
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
