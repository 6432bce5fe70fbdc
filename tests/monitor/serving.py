"""A live page in a thread of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from time import monotonic, sleep

from conserved.monitor import Live, Run


class served:
    """A server in a thread of its own, with what is there of the log read."""

    def __init__(self, run: Run) -> None:
        self.live = Live(run)

    def __enter__(self) -> Live:
        self._thread = Thread(target=self.live.serve, daemon=True)
        self._thread.start()
        until(lambda: self.live.run.share == 1.0 and self.live._seq > 0)
        return self.live

    def __exit__(self, *_: object) -> None:
        self.live.server.shutdown()
        self._thread.join(10)
        assert not self._thread.is_alive()


def until(met: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for it."""
    end = monotonic() + seconds
    while not met():
        assert monotonic() < end, "it did not come"
        sleep(0.02)
