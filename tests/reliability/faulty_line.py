"""A TCP proxy before Postgres that can be made to delay, drip, narrow, stall, swallow and cut while it is in use."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field

from dev.harness.wire import put_before

WIDEST = 65536  # bytes that are passed on at once

type _Pair = tuple[socket.socket, socket.socket]


@dataclass
class FaultyLine:
    """One line to a server, for any number of connections. What is set holds from the next bytes on.

    `delay` is in seconds for each piece that is passed on, `width` the size of a piece in bytes. While `is_silent`,
    everything is swallowed; while it `refuses`, new connections are closed. `stall_after(count)` lets that many more
    bytes up to the server and then, on the connection that sent them, nothing any more, in either direction and without
    closing it.
    """

    url: str = ""
    delay: float = 0.0
    width: int = WIDEST
    is_silent: bool = False
    refuses: bool = False
    bytes_up_since_mended: int = 0
    upstream: tuple[str, int] = ("", 0)
    _pairs: list[_Pair] = field(default_factory=list)
    _stalled: set[_Pair] = field(default_factory=set)
    _left: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stall_after(self, count: int) -> None:
        """See the class."""
        with self._lock:
            self._left = count

    def stall_every_connection(self) -> None:
        """Let nothing pass any more on the connections that there are, without closing them; new ones are good."""
        with self._lock:
            self._stalled.update(self._pairs)

    @property
    def has_stalled(self) -> bool:
        """Whether a connection was stalled by `stall_after`."""
        return bool(self._stalled)

    def mend(self) -> None:
        """Pass everything on as a good line does; a stalled connection stays stalled."""
        with self._lock:
            self.delay, self.width, self.is_silent, self._left = 0.0, WIDEST, False, None
            self.refuses, self.bytes_up_since_mended = False, 0

    def cut(self) -> None:
        """Break every connection there is, at both ends."""
        for pair in list(self._pairs):
            self._close(pair)

    def hang_up_on_clients(self) -> None:
        """Break every connection at the client's end alone: the server goes on with what it has got."""
        for client, _ in list(self._pairs):
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def serve(self, listening: socket.socket) -> None:
        """Pass on every connection that arrives, until the socket is shut down."""
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                with suppress(OSError):  # cut while it is being made
                    if self.refuses:
                        client.close()
                    else:
                        self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.upstream)
        except OSError:
            client.close()
            return
        pair = (client, server)
        self._pairs.append(pair)
        for source, sink in (pair, pair[::-1]):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(pair, source, sink), daemon=True).start()

    def _pump(self, pair: _Pair, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(self.width):
                if self.delay:
                    time.sleep(self.delay)
                if passed := self._passed(pair, source, data):
                    sink.sendall(passed)
        if source is pair[1] or pair not in self._stalled:
            self._close(pair)

    def _passed(self, pair: _Pair, source: socket.socket, data: bytes) -> bytes:
        with self._lock:
            self.bytes_up_since_mended += len(data) if source is pair[0] else 0
            if self.is_silent or pair in self._stalled:
                return b""
            if self._left is None or source is pair[1]:
                return data
            passed, self._left = data[: self._left], max(0, self._left - len(data))
            if len(passed) < len(data):
                self._stalled.add(pair)
                self._left = None
            return passed

    def _close(self, pair: _Pair) -> None:
        if pair in self._pairs:
            self._pairs.remove(pair)
        for end in pair:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def faulty_line(database_url: str) -> AbstractContextManager[FaultyLine]:
    """A line to the server of `database_url` while in use; its `url` leads through it."""
    return put_before(FaultyLine(), database_url)
