"""A function of compiled code on several threads: those of torch, which are awake already.

Threads of our own would wait for torch's to rest: for milliseconds, as long as a look takes.
"""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any


def together(function: Any, task: ctypes.Structure, threads: int, held: Any) -> None:
    """Call a function with one task from several threads at once.

    Args:
        function: of a library, with one argument: where the task is.
        task: which knows what is left of it.
        threads: how many.
        held: what must stay in memory meanwhile.
    """
    if threads < 2:
        function(ctypes.byref(task))
    elif (openmp := _openmp(os.getpid())) is not None:
        openmp.GOMP_parallel(function, ctypes.byref(task), threads, 0)
    else:
        _pooled(function, task, threads, held)


_first = os.getpid()  # after a fork the threads of OpenMP are gone, and it does not know


@cache
def _openmp(process: int) -> Any:
    """The library of OpenMP that torch has loaded, where that is GNU's; or None."""
    import torch

    if process != _first or not hasattr(os, "RTLD_NOLOAD"):
        return None
    home = Path(torch.__file__).parent
    for path in (*home.glob("lib/libgomp*.so*"), *home.parent.glob("torch.libs/libgomp*.so*")):
        with suppress(OSError, AttributeError):
            found = ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD | os.RTLD_NOW)
            found.GOMP_parallel.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_uint] * 2
            return found
    return None


def _pooled(function: Any, task: ctypes.Structure, threads: int, held: Any) -> None:
    def call(*_: Any) -> None:
        function(ctypes.byref(task))

    # threads that outlive an interrupt hold what they read
    others = []
    with suppress(RuntimeError):  # no thread begins while the interpreter ends
        pool = _pool(threads - 1, os.getpid())
        others = [pool.submit(call, task, held) for _ in range(threads - 1)]
    call()
    for other in others:
        other.result()


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Of this process: threads are not there after a fork."""
    del process
    return ThreadPoolExecutor(threads, "conserved-look")
