"""The server: loopback alone, a secret address, and nothing told to who asks wrongly."""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread
from time import monotonic
from typing import Any
from urllib.parse import quote

import pytest

from conserved.errors import InputError
from conserved.monitor import Live, Run
from conserved.monitor.server import PageServer
from conserved.watching.log.reading import shown
from tests.monitor import logs
from tests.monitor.serving import served, until
from tests.report.reading import assert_accessible, assert_offline_and_inert, embedded_json, parsed


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    run = Run(logs.finished(folder / "secret-name.jsonl"), Path(mkdtemp(dir=folder)))
    with served(run) as server:
        yield server


def get(
    live: Live, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", live.server.server_port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, body


def asked(live: Live, name: str, query: str = "") -> Any:
    status, headers, body = get(live, f"/{live.server.token}/{name}?{query}")
    assert status == 200, body
    assert headers["content-type"].startswith("application/json")
    return json.loads(body)


def test_the_page_is_served(live: Live) -> None:
    status, headers, body = get(live, f"/{live.server.token}/")
    page = body.decode()
    assert status == 200
    assert_accessible(page)
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers
    assert not re.search(r"(src|href)=\"?(https?:)?//", page), "it asks nobody else"
    assert live.server.token not in page
    assert get(live, f"/{live.server.token}/", "HEAD")[2] == b""


def test_the_address_is_a_secret_of_this_machine(live: Live, tmp_path: Path) -> None:
    assert live.server.server_address[0] == "127.0.0.1"
    other = Live(Run(live.run.path, Path(mkdtemp(dir=tmp_path))))
    other.close()
    assert other.server.token != live.server.token
    assert len(live.server.token) >= 32
    for path in ("/", "/state", f"/{other.server.token}/", f"/{live.server.token}", "//", "/x/y/z"):
        assert get(live, path)[0] == 404
    token = live.server.token
    changed = token[:-1] + ("a" if token[-1] != "a" else "b")
    assert get(live, f"/{changed}/")[0] == 404


def test_another_host_name_is_refused(live: Live) -> None:
    """A page elsewhere may turn a name of its own to this machine."""
    port = live.server.server_port
    for host, status in (
        ("evil.example", 404),
        (f"evil.example:{port}", 404),
        (f"127.0.0.1:{port}", 200),
        (f"localhost:{port}", 200),
    ):
        assert get(live, f"/{live.server.token}/", Host=host)[0] == status


def test_state_and_curves(live: Live) -> None:
    news = asked(live, "state", "seq=0")
    assert news["status"] == "step 300, the run is closed"
    assert news["state"]["count"]["violated"] == 1
    assert news["state"]["outcome"] == [3, 1, 0]
    again = asked(live, "state", f"seq={news['seq']}")
    assert "state" not in again
    seen = asked(live, "curves", "laws=0,2&first=1&last=300&columns=400")
    assert seen["x"] == list(range(1, 301))
    assert set(seen["laws"]) == {"0", "2"}
    for number in (1, 150, 300):
        value, _, residual, gradient = logs.numbers(number)
        found = seen["laws"]["2"]
        assert found["drift"][0][number - 1] == pytest.approx((value[2] - 1) / 2, rel=1e-6)
        assert found["residual"][number - 1] == pytest.approx(residual[2], rel=1e-6)
        assert seen["worst"]["gradient"][number - 1] == pytest.approx(gradient.max(), rel=1e-6)
    assert seen["metrics"]["loss"][1][:2] == [1.0, 0.5]


def test_it_follows_a_run_that_is_written(tmp_path: Path) -> None:
    path = logs.write(tmp_path / "run.jsonl", logs.head(), logs.step(1))
    with served(Run(path, Path(mkdtemp(dir=tmp_path)))) as live:
        until(lambda: live.run.steps == 1)
        seq = asked(live, "state", "seq=0")["seq"]
        logs.write(path, *(logs.step(n) for n in range(2, 41)), mode="a")
        until(lambda: asked(live, "state", f"seq={seq}").get("state", {}).get("steps") == [1, 40])
        assert asked(live, "state", "seq=0")["writing"]
        path.unlink()
        until(lambda: asked(live, "state", "seq=0")["status"] == "The log is gone.")
        assert asked(live, "curves", "laws=0&first=1&last=40&columns=9")["x"] == [1, 40]


BAD_QUERIES = (
    "",
    "seq=-1",
    "laws=3&first=1&last=9&columns=9",
    "laws=0&first=9&last=1&columns=9",
    "laws=0&first=1&last=9&columns=0",
    "laws=0&first=1&last=9&columns=4001",
    "laws=0&first=1&last=9&columns=9.5",
    "laws=0&first=1e3&last=9&columns=9",
    "laws=0&first=٣&last=9&columns=9",
    "laws=..%2f..&first=1&last=9&columns=9",
    "laws=" + "0," * 65 + "&first=1&last=9&columns=9",
    "laws=0&first=1&last=" + "9" * 5000 + "&columns=9",
    "laws=<script>&first=1&last=9&columns=9",
)


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_queries_without_sense_are_refused(live: Live, query: str) -> None:
    for name in ("curves", "state"):
        if name == "state" and "seq=" not in query and query:
            continue
        path = f"/{live.server.token}/{name}?{quote(query, safe='=&%,<>')}"
        status, _, body = get(live, path)
        assert (status, body) == (400, b"400 bad request\n")


ERROR = re.compile(rb"[45]\d\d (bad request|not found|not done)\n")


def raw(port: int, data: bytes) -> bytes:
    """What a socket gets back; b"" where the server says nothing."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            got = b""
            while part := connection.recv(65536):
                got += part
            return got
        except (ConnectionResetError, BrokenPipeError):
            return b""


def malformed(rng: random.Random, token: str, port: int) -> bytes:
    """A request that is wrong somewhere; some know the token."""
    noise = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200)))
    host = f"Host: 127.0.0.1:{port}\r\n".encode()
    secret = token.encode()
    line = noise.replace(b"\n", b"").replace(b"\r", b"")
    forms = (
        noise,
        b"GET " + line + b" HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /" + secret + b"/" + line + b" HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /" + secret + b"/curves?" + line + b" HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /" + secret + b"/../../etc/passwd HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /" + secret + b"/%2e%2e/secret-name.jsonl HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /" + secret + b"/secret-name.jsonl HTTP/1.0\r\n" + host + b"\r\n",
        b"GET http://[::1/" + secret + b"/ HTTP/1.1\r\n" + host + b"\r\n",
        rng.choice([b"POST", b"PUT", b"DELETE", b"TRACE", b"OPTIONS", b"CONNECT", b"PRI", b"get"])
        + b" /"
        + secret
        + b"/ HTTP/1.1\r\n"
        + host
        + b"Content-Length: 99999999\r\n\r\n"
        + noise,
        b"GET /" + secret + b"/ HTTP/9.9\r\n" + host + b"\r\n",
        b"GET /" + secret + b"/ HTTP/1.1\r\n" + line + b"\r\n\r\n",
        b"GET /" + secret + b"/ HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"GET /" + secret + b"/state HTTP/1.1\r\n" + host + b"\r\n",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise,
    )
    return rng.choice(forms)


def test_500_malformed_requests_leak_nothing_and_stop_nothing(
    live: Live, capfd: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(0)
    port, token = live.server.server_port, live.server.token
    words = (token.encode(), b"secret-name", b"Traceback", b"conserved", b"python", b"Python")
    answered = 0
    for _ in range(500):
        answer = raw(port, malformed(rng, token, port))
        if not answer:
            continue
        answered += 1
        header, _, body = answer.partition(b"\r\n\r\n")
        assert ERROR.fullmatch(body) or (not body and b" 40" in header), answer[:300]
        assert not [word for word in words if word in answer], answer[:300]
    assert answered > 300
    assert asked(live, "state", "seq=0")["state"]["rows"] == 300
    told = capfd.readouterr()
    assert told.out + told.err == ""


def test_the_check_of_leaks_refuses() -> None:
    assert not ERROR.fullmatch(b"404 /secret/ not found\n")
    assert not ERROR.fullmatch(b'{"seq": 1}')


def test_a_client_that_waits_does_not_keep_others_waiting(live: Live) -> None:
    port = live.server.server_port
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]
    try:
        start = monotonic()
        assert asked(live, "state", "seq=0")["state"]
        assert monotonic() - start < 5
    finally:
        for connection in idle:
            connection.close()


def test_a_fault_of_ours_is_a_number(tmp_path: Path) -> None:
    """Whatever goes wrong inside, nothing of it is told."""

    def broken(query: Any) -> Any:
        raise KeyError("/home/secret")

    server = PageServer(lambda: "", "", {"state": broken})
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        host = f"Host: 127.0.0.1:{server.server_port}"
        path = f"/{server.token}/state"
        answer = raw(server.server_port, f"GET {path} HTTP/1.1\r\n{host}\r\n\r\n".encode())
        assert answer.endswith(b"\r\n\r\n500 not done\n")
        assert b"secret" not in answer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_a_port_that_is_taken_is_told(live: Live, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"port '?\d+'?: cannot be had"):
        PageServer(lambda: "", "", {}, live.server.server_port)
    with pytest.raises(InputError, match="port"):
        PageServer(lambda: "", "", {}, 1 << 20)


PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "<!--<script>",
    "]]>\u2028\u2029{{ 7*7 }}{% raw %}",
    "javascript:alert(5)",
)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_are_only_names(tmp_path: Path, payload: str) -> None:
    path = tmp_path / "run.jsonl"
    hostile = logs.head([logs.law(payload, [payload, payload])], model=payload, optimizer=payload)
    event = {"kind": "event", "step": 1, "what": payload, "law": 0, "text": payload}
    row = logs.step(1, laws=1, metrics={payload: 1.0})
    verdicts = [{"law": 0, "outcome": "violated", "since": 1, "reason": payload}]
    verdict = {"kind": "verdict", "step": 1, "verdicts": verdicts}
    logs.write(path, hostile, event, row, verdict)
    with served(Run(path, Path(mkdtemp(dir=tmp_path)))) as live:
        page = get(live, f"/{live.server.token}/")[2].decode()
    root = parsed(page)
    assert len(root.all("script")) == 4
    assert_offline_and_inert(page)
    assert embedded_json(root, "run-data")["state"]["reason"] == [shown(payload)]
    assert shown(payload) in root.all("h1")[0].text
