"""A small HTTP client over a real socket: what stands in a path goes out byte for byte, `%2F` included."""

from __future__ import annotations

import http.client
import json as json_module
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT = 60  # seconds

type Watcher = Callable[[Client, str, str, Response], object]
watchers: list[Watcher] = []
"""Each is told of every answer: by which client, with which method and for which path."""


@dataclass(frozen=True)
class Response:
    """An answer, read whole."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json_module.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Calls one server. `user` signs the request with a fresh token of that user; without it there is none."""

    host: str
    port: int
    sign: Callable[[str], str]

    @property
    def url(self) -> str:
        """The server's base URL."""
        return f"http://{self.host}:{self.port}"

    def request(
        self,
        method: str,
        path: str,
        *,
        user: str | None = None,
        json: Any = ...,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request. `json` sets body and Content-Type; None is JSON's null."""
        sent = {"Authorization": f"Bearer {self.sign(user)}"} if user is not None else {}
        if json is not ...:
            body = json_module.dumps(json).encode()
            sent["Content-Type"] = "application/json"
        response = self.send(method, path, body, {**sent, **(headers or {})})
        for watch in watchers:
            watch(self, method, path, response)
        return response

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        """Send a request as it stands, on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, **options: Any) -> Response:
        """GET; the options are those of `request`."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Response:
        """POST; the options are those of `request`."""
        return self.request("POST", path, **options)

    def delete(self, path: str, **options: Any) -> Response:
        """DELETE; the options are those of `request`."""
        return self.request("DELETE", path, **options)
