"""A threaded server within the test's own process, so that a test can change what the functions see.

`make dev` and production run gunicorn.
"""

from __future__ import annotations

from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

ServerHandler.server_software = ""  # as in production, nothing says what serves


class ThreadedServer(ThreadingMixIn, WSGIServer):
    """One thread a request. Closing it waits for the requests that are under way."""

    daemon_threads = False
    request_queue_size = 512

    def server_bind(self) -> None:
        """Bind without asking the DNS for the host's name."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment] # the port is a number
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    def get_environ(self) -> WSGIEnvironment:
        """Add what wsgiref leaves out: the raw target, and no Content-Type where none was sent."""
        content_type = self.headers.get("content-type", "")
        return {**super().get_environ(), "RAW_URI": self.path, "CONTENT_TYPE": content_type}

    def log_message(self, format: str, *args: object) -> None:
        """Write no access line."""


def make_server(app: WSGIApplication, port: int = 0) -> ThreadedServer:
    """Listen on a port of 127.0.0.1, 0 for any free one."""
    server = ThreadedServer(("127.0.0.1", port), _Handler)
    server.set_app(app)
    return server
