"""Serves every function in a process of its own that a test may kill at any moment."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

_PROCESSES = multiprocessing.get_context("forkserver")
# A child starts with what a request of the relay imports, so that it is killed at its work and not at its imports.
_PROCESSES.set_forkserver_preload(["pytest", "serving.wsgi", "lib.http.endpoints.relay", __name__])


@contextmanager
def server_process(environ: Mapping[str, str]) -> Iterator[tuple[BaseProcess, int]]:
    """Serve in a child process while in use; gives the process, and the port."""
    ours, theirs = _PROCESSES.Pipe(duplex=False)
    process = _PROCESSES.Process(target=_serve, args=(theirs, dict(environ)), daemon=True)
    process.start()
    theirs.close()
    try:
        yield process, ours.recv()
    finally:
        process.kill()
        process.join()
        ours.close()


def _serve(port: Connection, environ: Mapping[str, str]) -> None:
    os.environ.update(environ)
    from dev.harness.http_server import make_server
    from serving.wsgi import app

    with make_server(app) as server:
        port.send(server.server_port)
        server.serve_forever()
