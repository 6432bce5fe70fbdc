"""A page on this machine alone: loopback, a random token in every address, nothing but GET.

What is asked wrongly gets a number and two fixed words: nothing of the request, of the files or of
the program is said, and the page goes on.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conserved.errors import InputError

HOST = "127.0.0.1"
_SECONDS = 10.0  # for a request to arrive
_AT_ONCE = 32  # requests
_QUERY = 8192  # characters

Query = Mapping[str, str]
Answer = Callable[[Query], object]


class Refused(Exception):
    """A request that asks for nothing there is."""


class PageServer(ThreadingHTTPServer):
    """Serves one page and its data under a secret address.

    Args:
        page: the document.
        policy: its content security policy.
        answers: a name under the page → a function of the query that gives what JSON can hold; it
            raises ``Refused`` for a query without sense.
        port: 0 for a free one.

    Raises:
        InputError: a port that cannot be had.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self, page: Callable[[], str], policy: str, answers: Mapping[str, Answer], port: int = 0
    ) -> None:
        self.page, self.policy, self.answers = page, policy, answers
        self.token = secrets.token_urlsafe(24)
        self._free = BoundedSemaphore(_AT_ONCE)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise InputError("port", port, f"cannot be had ({reason}); leave it out") from error

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names by which a browser may call us; another may have been turned to this machine."""
        return tuple(f"{name}:{self.server_port}" for name in (HOST, "localhost"))

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = _SECONDS

    def do_GET(self) -> None:
        try:
            kind, body, code = *self._found(), 200
        except Refused:
            self.send_error(400)
            return
        except (OSError, ValueError, ArithmeticError, LookupError):
            self.send_error(500)
            return
        if body is None:
            self.send_error(404)
            return
        self._send(code, kind, body)

    do_HEAD = do_GET

    def _found(self) -> tuple[str, bytes | None]:
        """Its kind and its text; None where there is nothing."""
        parts = urlsplit(self.path)
        words = parts.path.split("/")
        known = self.headers.get("Host") in self.server.hosts and len(words) == 3
        token = words[1] if len(words) > 1 else ""
        same = secrets.compare_digest(token.encode(errors="replace"), self.server.token.encode())
        if not (known and same):
            return "", None
        if not words[2]:
            return "text/html; charset=utf-8", self.server.page().encode()
        answer = self.server.answers.get(words[2])
        if answer is None:
            return "", None
        if len(parts.query) > _QUERY:
            raise Refused
        told = json.dumps(answer(dict(parse_qsl(parts.query))), allow_nan=False, ensure_ascii=False)
        return "application/json; charset=utf-8", told.encode()

    def _send(self, code: int, kind: str, body: bytes) -> None:
        self.send_response_only(code)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Content-Security-Policy": self.server.policy,
            "Cache-Control": "no-store",
            "Connection": "close",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The number and fixed words, whatever the request was."""
        shown = {404: "not found", 400: "bad request"}.get(code, "not done")
        self.command = getattr(self, "command", None) or "GET"
        self.request_version = "HTTP/1.0"
        self._send(code, "text/plain; charset=utf-8", f"{code} {shown}\n".encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Addresses hold the token: they are not written down."""


def whole(query: Query, name: str, least: int, most: int) -> int:
    """An integer of a query, within bounds.

    Raises:
        Refused: anything else.

    Example:
        >>> whole({"columns": "600"}, "columns", 1, 4000)
        600
    """
    text = query.get(name, "")
    if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) or not least <= int(text) <= most:
        raise Refused
    return int(text)
