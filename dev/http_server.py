"""The development server: one thread a request, and the raw request target for the combined app."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from io import BytesIO
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, BinaryIO, cast
from wsgiref.headers import Headers
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

logger = logging.getLogger("dev")


class DevServer(ThreadingMixIn, WSGIServer):
    """Serves one WSGI app, one connection a request. Closing it waits for the requests that are under way."""

    daemon_threads = False
    request_queue_size = 512

    def __init__(self, app: WSGIApplication, listening: socket.socket) -> None:
        super().__init__(listening.getsockname()[:2], Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        host, self.server_port = listening.getsockname()[:2]
        self.server_address = (host, self.server_port)
        self.server_name = host  # the base class would ask the DNS for it
        self.setup_environ()
        self.app = app

    def server_activate(self) -> None:
        """Listen; nothing to bind."""
        TCPServer.server_activate(self)


class Handler(WSGIRequestHandler):
    """Hands a request over with its raw target and a decoded body."""

    protocol_version = "HTTP/1.1"  # so that `Expect: 100-continue`, as curl sends it with large bodies, is answered
    server: DevServer

    def handle(self) -> None:
        """Answer one request and close."""
        self.raw_requestline = self.rfile.readline(65537)
        if len(self.raw_requestline) > 65536:
            self.requestline = self.request_version = self.command = ""
            self.send_error(414)
        elif self.parse_request():
            self._run()

    def get_environ(self) -> WSGIEnvironment:
        """Add what wsgiref leaves out: the raw target, and no Content-Type where none was sent."""
        return {
            **super().get_environ(),
            "RAW_URI": self.path,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "SERVER_PROTOCOL": "HTTP/1.1",
        }

    def log_message(self, format: str, *args: object) -> None:
        """Write the access line through logging."""
        logger.info(format, *args)

    def _run(self) -> None:
        environ = self.get_environ()
        try:
            body = self._body(environ)
        except ValueError:
            self.send_error(400)
            return
        handler = _Http11Handler(body, cast(BinaryIO, self.wfile), sys.stderr, environ)
        handler.request_handler = self
        handler.run(self.server.app)

    def _body(self, environ: WSGIEnvironment) -> BinaryIO:
        if "chunked" not in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            return cast(BinaryIO, self.rfile)
        if environ.get("CONTENT_LENGTH"):
            raise ValueError("both framings at once may be an attempt at request smuggling (RFC 9112, 6.3)")
        environ["wsgi.input_terminated"] = True
        return BytesIO(dechunked(cast(BinaryIO, self.rfile)))


class _Http11Handler(ServerHandler):
    """Closes each connection, and says so; does not say what it is."""

    http_version = "1.1"
    server_software = ""
    headers: Headers
    request_handler: Handler

    def cleanup_headers(self) -> None:
        super().cleanup_headers()
        self.headers["Connection"] = "close"


def dechunked(stream: BinaryIO) -> bytes:
    """Read a body in chunked encoding (RFC 9112, 7.1). Raises ValueError when it is malformed or breaks off."""
    body = bytearray()
    while size := int(stream.readline(1024).partition(b";")[0], 16):
        chunk = stream.read(size)
        if len(chunk) != size or stream.readline(3) != b"\r\n":
            raise ValueError("the chunk breaks off")
        body += chunk
    while stream.readline(8192) not in {b"\r\n", b"\n", b""}:
        pass  # trailers
    return bytes(body)


def make_server(app: WSGIApplication, port: int, host: str = "127.0.0.1") -> DevServer:
    """Listen on a port (0: any free one). Raises OSError when it is taken."""
    return DevServer(app, socket.create_server((host, port), backlog=DevServer.request_queue_size))


def main() -> None:
    """Serve the project on the listening socket whose file descriptor is the one argument; started by dev.server."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    from serving.wsgi import app

    with DevServer(app, socket.socket(fileno=int(sys.argv[1]))) as server:
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever(poll_interval=0.1)


def _exit_with_parent() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    main()
