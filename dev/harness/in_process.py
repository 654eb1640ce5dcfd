"""The same client without a socket: every function of the project is called directly, as WSGI."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from dev.harness.client import Client, Response

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class InProcess(Client):
    """A `Client` of no host: fast, and no network call that is seen meanwhile is its own. `app` may be one function."""

    app: WSGIApplication | None = None

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        """Call the app. A header of "Content-Length" lies on purpose."""
        from serving.wsgi import app as every_function

        answered = http.client.HTTPMessage()
        statuses: list[str] = []

        def start_response(status: str, fields: list[tuple[str, str]], _error: object = None) -> Any:
            statuses.append(status)
            for name, value in fields:
                answered[name] = value

        chunks = (self.app or every_function)(_environ(method, path, body, headers), start_response)
        return Response(int(statuses[-1].split()[0]), answered, b"".join(chunks))


def _environ(method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> WSGIEnvironment:
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "RAW_URI": path,
        "PATH_INFO": path.partition("?")[0],
        "QUERY_STRING": path.partition("?")[2],
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body or b""),
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body is not None:
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{key}"] = value
    return environ
