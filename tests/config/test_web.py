"""The web process: whose word counts for where a request comes from."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
import waitress

from config.web import proxy_options

FORWARDED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
START_TIMEOUT_S = 60
# More than its threads are, and more than waitress would let in by itself.
SLOW_CLIENTS = 120


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer where a request comes from, as the application is told."""
    start_response("200 OK", [])
    told = (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"], environ.get("HTTP_X_FORWARDED_FOR", ""))
    return [" ".join(told).encode()]


def ask(port: int, path: str = "/", **headers: str) -> tuple[int, str]:
    """Ask a server on this machine."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=START_TIMEOUT_S)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()


@pytest.mark.parametrize(
    ("served", "told"), [("loopback", "127.0.0.1 http "), ("public", "203.0.113.9 https 203.0.113.9")]
)
def test_forwarded_address_counts_only_where_a_proxy_is_expected(served: str, told: str) -> None:
    server = waitress.create_server(echo, host="127.0.0.1", port=0, **proxy_options(served))
    environ = {
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "HTTP_X_FORWARDED_FOR": "10.0.0.1, 203.0.113.9",
        "HTTP_X_FORWARDED_PROTO": "https",
    }

    answered = server.application(environ, lambda *_: None)

    server.close()
    assert answered == [told.encode()]


def free_port() -> int:
    """Give a port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_listens(port: int) -> None:
    """Wait for the server's port to be open."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    pytest.fail("The web process does not listen.")


@contextmanager
def web_process(served: str = "loopback") -> Iterator[int]:
    """Start the web process; give its port."""
    port = free_port()
    command = [sys.executable, "-m", "config.web", "127.0.0.1", str(port), str(os.getpid())]
    with subprocess.Popen(command, env=os.environ | {"STOCKPROOF_SERVED": served}) as process:
        try:
            wait_until_it_listens(port)
            yield port
        finally:
            process.terminate()


@pytest.mark.parametrize(("served", "plain_status"), [("loopback", 200), ("public", 301)])
def test_web_process_believes_a_proxy_that_speaks_https(served: str, plain_status: int) -> None:
    with web_process(served) as port:
        plain, forwarded = ask(port, "/healthz"), ask(port, "/healthz", **FORWARDED)

    assert (plain[0], forwarded) == (plain_status, (200, "ok\n"))


def answer_to(port: int, request: bytes) -> bytes:
    """Send some bytes, and give the first line of what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=START_TIMEOUT_S) as connection:
        connection.sendall(request)
        return connection.makefile("rb").readline().strip()


def test_web_process_answers_others_while_slow_clients_wait_and_refuses_what_is_too_large() -> None:
    begun = b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
    with web_process() as port, ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            slow.sendall(begun + b"100\r\n\r\nhalf a form")

        quick = ask(port, "/healthz")
        refused = [
            answer_to(port, begun + b"2147483648\r\n\r\n"),
            answer_to(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000),
        ]

    assert quick == (200, "ok\n")
    assert refused == [
        b"HTTP/1.1 413 Request Entity Too Large",
        b"HTTP/1.0 431 Request Header Fields Too Large",
    ]
