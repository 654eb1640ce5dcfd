from __future__ import annotations

import socket
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dev.harness.in_process import InProcess

BURST = 128
TIMEOUT = 10  # seconds, only when it fails


def test_a_burst_of_128_connections_waits_in_the_queue(calls: InProcess) -> None:
    """The server that Vercel's runtime makes for a function takes them all in, even before it answers the first."""
    assert calls.get("/api/onboarding/config").status == 200
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server, ExitStack() as stack:
        for _ in range(BURST):
            stack.enter_context(socket.create_connection(server.server_address, timeout=TIMEOUT))  # type: ignore[arg-type] # an IPv4 address
