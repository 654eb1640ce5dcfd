"""A small HTTP front that routes to booted functions by the config.json that `vercel build` wrote.

Static files and functions first, then the routes in their order. A function sees the path as it was sent, and the
parameters of the rewrite behind the query, as the real tools do it.
"""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

TIMEOUT = 60  # seconds
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
INTERNAL = "x-vercel-internal-"


@dataclass(frozen=True)
class Decision:
    """Where a request goes: a function with a query, a static file, or a bare status."""

    function: str | None = None
    query: str = ""
    file: Path | None = None
    status: int = 404


@dataclass(frozen=True)
class Router:
    """The phases of the Build Output API that this project's build uses: file system, then routes."""

    routes: list[dict[str, Any]]
    functions: frozenset[str]
    static_files: Mapping[str, Path]

    def decide(self, path: str, query: str) -> Decision:
        """Route a raw path and query."""
        if (found := self._on_file_system(path, query)) is not None:
            return found
        for route in self._main_phase():
            match = re.search(route["src"], path)
            if match is None or route.get("continue"):  # such a route adds headers, which the platform sends itself
                continue
            if "dest" not in route:
                return Decision(status=route["status"])
            destination, _, parameters = _fill(route["dest"], match).partition("?")
            if (found := self._on_file_system(destination, _joined(query, parameters))) is not None:
                return found
        return Decision()

    def _on_file_system(self, path: str, query: str) -> Decision | None:
        if path in self.functions:
            return Decision(function=path, query=query)
        name = unquote(path)
        file = self.static_files.get(name) or self.static_files.get(f"{name.rstrip('/')}/index.html")
        return None if file is None else Decision(file=file, status=200)

    def _main_phase(self) -> Iterator[dict[str, Any]]:
        phase = None
        for route in self.routes:
            phase = route.get("handle", phase)
            if phase in {None, "filesystem"} and "src" in route:
                yield route


def _fill(destination: str, match: re.Match[str]) -> str:
    return re.sub(r"\$(\d+)", lambda group: match[int(group[1])] or "", destination)


def _joined(query: str, parameters: str) -> str:
    added = [f"{name}={quote(value, safe='')}" for name, value in parse_qsl(parameters, keep_blank_values=True)]
    return "&".join(filter(None, [query, *added]))


class _Handler(BaseHTTPRequestHandler):
    """Passes a request on to its function, and the answer back, byte for byte."""

    protocol_version = "HTTP/1.1"
    server: Front

    def handle_one_request(self) -> None:
        """Answer one request and close."""
        self.close_connection = True
        self.raw_requestline = self.rfile.readline(65537)
        if self.raw_requestline and self.parse_request():
            self._route()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def _route(self) -> None:
        path, _, query = self.path.partition("?")
        decision = self.server.router.decide(path, query)
        if decision.function is not None:
            self._pass_on(self.server.ports[decision.function], "?".join(filter(None, [path, decision.query])))
        else:
            self._answer(decision.status, b"" if decision.file is None else decision.file.read_bytes())

    def _pass_on(self, port: int, target: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        try:
            connection.putrequest(self.command, target, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            connection.putheader("x-forwarded-proto", "https")
            connection.endheaders(body)
            answer = connection.getresponse()
            self._answer(answer.status, answer.read(), answer.getheaders())
        finally:
            connection.close()

    def _answer(self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers or []:
            # The platform keeps `x-vercel-internal-…` to itself.
            if name.lower() not in HOP_BY_HOP | {"content-length"} and not name.lower().startswith(INTERNAL):
                self.send_header(name, value)
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Front(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1. `ports` maps a function's URL path to where it serves."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, router: Router, ports: Mapping[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.router, self.ports = router, ports

    def server_bind(self) -> None:
        """Bind without asking the DNS for the host's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


@contextmanager
def serving(front: Front) -> Iterator[Front]:
    """Serve in a thread while in use."""
    thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield front
    finally:
        front.shutdown()
        front.server_close()
        thread.join()
