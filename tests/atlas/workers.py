"""Stand-ins for ``compute`` that a worker process can import."""

import os
import signal

from conserved.atlas.compute import compute


def die_on_rotation_3(case, seed, budget):
    if case.symmetry == "rotation:3":
        os.kill(os.getpid(), signal.SIGKILL)
    return compute(case, seed, budget)


def environment(case, seed, budget):
    """The worker's thread settings, carried home in a result."""
    from dataclasses import replace

    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    found = compute(case, seed, budget)
    return replace(found, note=",".join(os.environ.get(name, "") for name in names))
