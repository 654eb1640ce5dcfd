"""A key server like Clerk's, and ones that misbehave."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import RSAAlgorithm

from dev.settings import SigningKey


def jwk(key: SigningKey, key_id: str) -> dict[str, Any]:
    """The public half of a key as a JWKS shows it."""
    public = load_pem_public_key(key.public_pem.encode())
    assert isinstance(public, RSAPublicKey)
    return {**RSAAlgorithm.to_jwk(public, as_dict=True), "kid": key_id, "use": "sig", "alg": "RS256"}


class KeyServer(ThreadingHTTPServer):
    """Serves `body` with `status`, and counts the requests."""

    def __init__(self, keys: Mapping[str, SigningKey]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.requests = 0
        self.publish(keys)

    def publish(self, keys: Mapping[str, SigningKey]) -> None:
        """Serve these keys by their ids from now on, and no other."""
        self.body = json.dumps({"keys": [jwk(key, key_id) for key_id, key in keys.items()]}).encode()

    @property
    def url(self) -> str:
        """What CLERK_JWKS_URL holds."""
        return f"http://127.0.0.1:{self.server_port}/.well-known/jwks.json"


class _Handler(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        self.server.requests += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""


@contextmanager
def key_server(keys: Mapping[str, SigningKey]) -> Iterator[KeyServer]:
    """Serve keys from a thread."""
    with KeyServer(keys) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def dripping_host(beginning: bytes, drip: bytes) -> Iterator[str]:
    """A host that answers with `beginning` and then one `drip` every tenth of a second, for ever; gives its URL."""
    stop = threading.Event()

    def serve(listening: socket.socket) -> None:
        with listening, listening.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(beginning)
            while drip and not stop.wait(0.1):
                connection.sendall(drip)
            stop.wait()

    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_until_hung_up, args=(serve, listening))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/jwks"
    finally:
        stop.set()
        thread.join()


def _until_hung_up(serve: Any, listening: socket.socket) -> None:
    try:
        serve(listening)
    except OSError:
        return
