"""A TCP proxy before Postgres: a line of a chosen length that records, breaks at a chosen byte, or falls silent."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import urlsplit

type Direction = Literal["up", "down"]
"""Towards the server, or back to the client."""


@dataclass
class Wire:
    """Passes bytes on after `delay` seconds each way, chunk by chunk with their spacing kept, as a long line does."""

    url: str = ""
    delay: float = 0.0
    transcript: list[tuple[Direction, bytes]] = field(default_factory=list)
    """What arrived here since `start_recording`, in its order."""
    upstream: tuple[str, int] = ("", 0)
    _open: set[socket.socket] = field(default_factory=set)
    _budgets: dict[Direction, int] = field(default_factory=dict)
    _is_silent: bool = False
    _is_down: bool = False
    _goes_down_when_cut: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start_recording(self) -> None:
        """Forget what was recorded."""
        with self._lock:
            self.transcript.clear()

    def exchanges(self) -> list[tuple[Direction, bytes]]:
        """What was recorded, neighbouring chunks of one direction joined."""
        joined: list[tuple[Direction, bytes]] = []
        for direction, chunk in list(self.transcript):
            before = joined.pop()[1] if joined and joined[-1][0] == direction else b""
            joined.append((direction, before + chunk))
        return joined

    def cut_after(self, direction: Direction, count: int, *, for_good: bool = False) -> None:
        """Break the connection once `count` more bytes have passed in a direction; `for_good` lets no other in."""
        with self._lock:
            self._budgets, self._goes_down_when_cut = {direction: count}, for_good

    def mend(self) -> None:
        """Pass everything on again."""
        with self._lock:
            self._budgets, self._is_silent, self._is_down = {}, False, False

    def fall_silent(self) -> None:
        """Swallow everything from now on and answer nothing, as a host does that lost its network."""
        self._is_silent = True

    def _pass(self, direction: Direction, data: bytes) -> tuple[bytes, bool]:
        """What may go through, and whether the line breaks behind it."""
        with self._lock:
            self.transcript.append((direction, data))
            if self._is_silent:
                return b"", False
            budget = self._budgets.get(direction)
            if budget is None or len(data) < budget:
                if budget is not None:
                    self._budgets[direction] = budget - len(data)
                return data, False
            self._budgets, self._is_down = {}, self._goes_down_when_cut
            return data[:budget], True

    def serve(self, listening: socket.socket) -> None:
        """Pass on every connection that arrives, until the socket is shut down."""
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                if self._is_down:
                    client.close()
                else:
                    self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        server = socket.create_connection(self.upstream)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(end)
        self._pump("up", client, server)
        self._pump("down", server, client)

    def _pump(self, direction: Direction, source: socket.socket, sink: socket.socket) -> None:
        line: queue.SimpleQueue[tuple[float, bytes, bool]] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(direction, source, line), daemon=True).start()
        threading.Thread(target=self._write, args=(line, source, sink), daemon=True).start()

    def _read(
        self, direction: Direction, source: socket.socket, line: queue.SimpleQueue[tuple[float, bytes, bool]]
    ) -> None:
        ends = False
        while not ends:
            data = b""
            with suppress(OSError):
                data = source.recv(65536)
            passed, ends = self._pass(direction, data) if data else (b"", True)
            line.put((time.monotonic() + self.delay, passed, ends))

    def _write(
        self, line: queue.SimpleQueue[tuple[float, bytes, bool]], source: socket.socket, sink: socket.socket
    ) -> None:
        ends = False
        while not ends:
            due, data, ends = line.get()
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            with suppress(OSError):
                sink.sendall(data)
        for end in (source, sink):
            self._close(end)

    def cut(self) -> None:
        """Break every connection there is."""
        for end in list(self._open):
            self._close(end)

    def _close(self, end: socket.socket) -> None:
        self._open.discard(end)
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


def messages(stream: bytes) -> Iterator[str]:
    """The types of the protocol's messages in a stream, as single letters."""
    while stream:
        yield chr(stream[0])
        stream = stream[1 + int.from_bytes(stream[1:5]) :]


class Line(Protocol):
    """A proxy that `put_before` sets up: where clients find it, and where it leads."""

    url: str
    upstream: tuple[str, int]

    def serve(self, listening: socket.socket) -> None:
        """Pass on every connection that arrives, until the socket is shut down."""

    def cut(self) -> None:
        """Break every connection there is."""


@contextmanager
def put_before[L: Line](line: L, database_url: str) -> Iterator[L]:
    """The line before the server of `database_url` while in use; its `url` leads through it."""
    parts = urlsplit(database_url)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        credentials, _, _ = parts.netloc.rpartition("@")
        netloc = f"{credentials}@127.0.0.1:{listening.getsockname()[1]}"
        line.url, line.upstream = parts._replace(netloc=netloc).geturl(), (str(parts.hostname), parts.port or 5432)
        thread = threading.Thread(target=line.serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield line
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            line.cut()


def wire(database_url: str, delay: float = 0.0) -> AbstractContextManager[Wire]:
    """A line to the server of `database_url` while in use; its `url` leads through it."""
    return put_before(Wire(delay=delay), database_url)
