"""A sweep on a Dask cluster; only we write the results file."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from conserved._version import __version__
from conserved.atlas.case import Case
from conserved.atlas.compute import compute, failure, in_words, version
from conserved.atlas.local import DIED
from conserved.atlas.results import Result
from conserved.errors import ConservedError, InputError

if TYPE_CHECKING:
    from distributed import Client, Future

_ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://\S+:[0-9]{1,5}")
_PATIENCE = 10  # seconds for the scheduler to answer, and again for a first worker to appear


def cluster_results(
    cases: Sequence[Case], seed: int, budget: float | None, address: str
) -> Iterator[Result]:
    """Results in the order they arrive; close the iterator to take the rest off the cluster.

    Args:
        cases: what to compute.
        seed: of every closure.
        budget: seconds for each.
        address: of the scheduler, ``tcp://host:port``.

    Raises:
        InputError: nobody answers at the address, or its workers cannot run this version of
            conserved. ``require_distributed`` has to come first.
        ConservedError: the cluster went away; what had arrived is kept.
    """
    from distributed import as_completed

    with _client(address) as client:
        _require_workers(client, address)
        sweep = uuid4().hex  # a key of an earlier sweep would bring back its result
        futures = {
            client.submit(compute, case, seed, budget, key=f"atlas-{sweep}-{i}"): case
            for i, case in enumerate(cases)
        }
        for future in as_completed(list(futures), loop=client.loop):
            yield _result(future, futures.pop(future), seed, budget, _named(address))


def _named(address: str) -> str:
    return f"scheduler '{address}'"


def require_distributed(address: str) -> None:
    """Refuse a scheduler where the extra is missing, or that is no address.

    Raises:
        InputError: naming the extra, or the form of an address.
    """
    if not _ADDRESS.fullmatch(address):
        raise InputError("scheduler", address, "an address looks like tcp://127.0.0.1:8786")
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        advice = "needs Dask: pip install 'conserved[atlas]'"
        raise InputError("scheduler", address, advice) from error


def _result(
    future: Future[Result], case: Case, seed: int, budget: float | None, name: str
) -> Result:
    from distributed import KilledWorker

    try:
        return future.result()  # waits again where a process died that still held it
    except KilledWorker:
        return failure(case, seed, budget, DIED)
    except CancelledError as error:
        raise ConservedError(
            f"{name} went away; what had arrived is kept, and the same sweep goes on"
        ) from error
    except Exception as error:
        raise ConservedError(f"{name}: {in_words(error)}") from error


@contextmanager
def _client(address: str) -> Iterator[Client]:
    from distributed import Client

    with _without_log("distributed.client"):  # it logs a traceback for what we say in a line
        try:
            client = Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            advice = f"no Dask scheduler answers there within {_PATIENCE} s"
            raise InputError("scheduler", address, advice) from error
        with client:
            yield client


@contextmanager
def _without_log(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _require_workers(client: Client, address: str) -> None:
    """Ask every worker for its version before any problem can fail for the lack of one."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
        versions = set(client.run(version).values())
    except TimeoutError as error:
        raise InputError("scheduler", address, f"has no worker after {_PATIENCE} s") from error
    except Exception as error:  # whatever importing conserved raises over there
        advice = f"its workers cannot run conserved ({in_words(error)}); install it there"
        raise InputError("scheduler", address, advice) from error
    if versions != {__version__}:
        found = ", ".join(sorted(versions))
        advice = f"its workers run conserved {found}, this is {__version__}; install the same"
        raise InputError("scheduler", address, advice)
