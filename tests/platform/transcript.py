"""What a server answered to the recorded requests, in a form in which two servers can be compared."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client, Response
from tests.platform.recorded import REQUESTS, Recorded
from tests.platform.wizard import API

TRANSPORT_HEADERS = {"server", "date", "connection", "content-length", "transfer-encoding", "keep-alive"}
TIMES = {"server-timing"}
IDS = {"id", "analysis_id", "session_id"}
REQUEST_ID = re.compile(r"[0-9a-f]{32}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


@dataclass(frozen=True)
class Answer:
    """A comparable answer; `body` and `headers` are None where the host answered and not a function."""

    request: Recorded
    status: int
    headers: dict[str, str] | None
    body: Any

    @property
    def shown(self) -> str:
        """The answer in one line."""
        return f"{self.status} {self.headers} {self.body}"


def record(client: Client, token: TokenFactory, user: str) -> list[Answer]:
    """Send all requests in their order as a new user."""
    return [_ask(client, token, user, request) for request in REQUESTS]


def differences(expected: list[Answer], actual: list[Answer]) -> list[str]:
    """Describe every request that was answered in two ways."""
    return [
        f"{one.request.name}\n    {one.shown}\n    {other.shown}"
        for one, other in zip(expected, actual, strict=True)
        if (one.status, one.headers, one.body) != (other.status, other.headers, other.body)
    ]


def _ask(client: Client, token: TokenFactory, user: str, request: Recorded) -> Answer:
    path = request.path
    if "{analysis_id}" in path:
        newest = client.get(f"{API}/website-analysis", user=user).json()["analysis_id"]
        path = path.replace("{analysis_id}", str(newest))
    signed = {} if request.sign is None else {"Authorization": request.sign(token, user)}
    response = client.request(request.method, path, body=request.body, headers={**request.headers, **signed})
    if request.platform:
        return Answer(request, response.status, None, None)
    return Answer(request, response.status, _headers(response), _without_user(_body(response), user))


def _headers(response: Response) -> dict[str, str]:
    names = {name.lower() for name in response.headers} - TRANSPORT_HEADERS - TIMES
    ours = {name: ", ".join(response.headers.get_all(name, [])) for name in names if not name.startswith("x-vercel-")}
    if REQUEST_ID.fullmatch(ours.get("x-request-id", "")):
        ours["x-request-id"] = "<id>"
    if ours.get("etag", "").startswith("W/"):
        ours["etag"] = "<etag of this user's session>"
    return dict(sorted(ours.items()))


def _body(response: Response) -> Any:
    if response.body and "json" in response.headers.get("Content-Type", ""):
        return _comparable(response.json())
    return response.text


def _comparable(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _comparable(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and name in IDS:
        return "<id>"
    if name == "request_id":
        return "<id>"
    return TIME.sub("<time>", value) if isinstance(value, str) else value


def _without_user(body: Any, user: str) -> Any:
    return json.loads(json.dumps(body).replace(user, "<user>"))
