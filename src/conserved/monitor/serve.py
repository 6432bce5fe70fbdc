"""A run on a live page."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event, Thread
from typing import Any

from conserved.errors import ConservedError
from conserved.monitor import view
from conserved.monitor.page import live_page, page_policy, status
from conserved.monitor.run import Run
from conserved.monitor.server import PageServer, Refused, whole

_LOOK = 0.5  # seconds between two looks at the log
_READ = 0.5  # seconds of reading before what is read is shown
_FRESH = 5.0  # seconds since the last line: the run is being written
_STEPS = 1 << 53


class Live:
    """A server of one run, that follows its log in the background.

    Args:
        run: the log.
        port: 0 for a free one.
    """

    def __init__(self, run: Run, port: int = 0) -> None:
        self.run = run
        self._seq = 0
        self._done = Event()
        self._gone = False
        answers = {"state": self._state, "curves": self._curves}
        policy = page_policy(live=True)
        self.server = PageServer(lambda: live_page(run, self._seq), policy, answers, port)
        self._reader = Thread(target=self._follow, daemon=True)

    @property
    def address(self) -> str:
        """Of the page."""
        return self.server.address

    def serve(self) -> None:
        """Until it is interrupted or closed."""
        self._reader.start()
        try:
            self.server.serve_forever(poll_interval=0.1)
        finally:
            self.close()

    def close(self) -> None:
        """Stop."""
        self._done.set()
        self.server.server_close()
        if self._reader.is_alive():
            self._reader.join(5)
        self.run.close()

    def _follow(self) -> None:
        """Read what is new, for ever."""
        while not self._done.is_set():
            before = self.run.follower.place
            try:
                more = self.run.update(_READ)
                self._gone = False
            except (ConservedError, OSError):
                more, self._gone = False, True
            if self.run.follower.place != before:
                self._seq += 1
            if not more:
                self._done.wait(_LOOK)

    def _state(self, query: Mapping[str, str]) -> dict[str, Any]:
        seq = whole(query, "seq", 0, _STEPS)
        told: dict[str, Any] = {
            "status": "The log is gone." if self._gone else status(self.run),
            "writing": not self._gone and self.run.marks.closed is None and self.run.idle < _FRESH,
        }
        if seq != self._seq:
            told["seq"] = self._seq
            told["state"] = view.state(self.run)
        return told

    def _curves(self, query: Mapping[str, str]) -> dict[str, Any]:
        first, last = whole(query, "first", 0, _STEPS), whole(query, "last", 0, _STEPS)
        columns = whole(query, "columns", 1, 4000)
        words = [word for word in query.get("laws", "").split(",") if word]
        if len(words) > 64 or first > last:
            raise Refused
        most = len(self.run.head.laws) - 1
        laws = [whole({"law": word}, "law", 0, most) for word in words]
        return view.curves(self.run, laws, first, last, columns)
