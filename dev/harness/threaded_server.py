"""Any WSGI app served by threads of this process, whose environment a test may change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

ServerHandler.server_software = ""  # no Server header


@contextmanager
def serve_in_threads(app: WSGIApplication) -> Iterator[int]:
    """Serve on a free port of 127.0.0.1 while in use, and give the port. Requests under way are waited for."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.set_app(app)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    """One thread for each connection."""

    request_queue_size = 512

    def server_bind(self) -> None:
        """Bind without asking the DNS for the host's name, as the base class does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    """Hands the request over with its raw target, as gunicorn does, and without a Content-Type that was not sent."""

    def get_environ(self) -> WSGIEnvironment:
        """Add to what wsgiref gives."""
        content_type = self.headers.get("Content-Type", "")
        return {**super().get_environ(), "RAW_URI": self.path, "CONTENT_TYPE": content_type}

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""
