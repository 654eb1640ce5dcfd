"""Which headers go to the AI backend, and which of its own come back. All others stay where they are."""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import falcon

from lib.errors import AiBackendFailed
from lib.http.request_id import HEADER as REQUEST_ID_HEADER
from lib.http.request_id import current_request_id
from lib.http.trace_context import HEADER as TRACEPARENT
from lib.http.trace_context import traceparent

_SENT_ON = ("Authorization", "Content-Type", "Accept", "Accept-Language")
_GIVEN_BACK = ("content-type", "content-disposition", "location", "retry-after")
_VIA = "1.1 onboarding"

# Each character stands for a byte. Without control characters, which the servers on both sides refuse.
_SENDABLE = re.compile(r"[\t -~\x80-\xff]+")
_OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")
_PORTS = {"http": 80, "https": 443}


def sent_on(request: falcon.Request) -> dict[str, str]:
    """The headers for the AI backend. Raises `AiBackendFailed` where the request came from here in the first place."""
    via = _sendable(request.get_header("Via"))
    if _VIA in (hop.strip().lower() for hop in via.split(",")):
        raise AiBackendFailed("AI_BACKEND_URL leads back to this service")
    named = {name: value for name in _SENT_ON if (value := _sendable(request.get_header(name)))}
    return {
        **named,
        "Accept-Encoding": "identity",
        "Via": f"{via}, {_VIA}" if via else _VIA,
        REQUEST_ID_HEADER: current_request_id() or "",
        **({TRACEPARENT: trace} if (trace := traceparent(request)) else {}),
    }


def given_back(headers: Mapping[str, str], base_url: str) -> dict[str, str]:
    """The AI backend's headers for the caller. `base_url` is where the AI backend is."""
    named = {name: value for name in _GIVEN_BACK if (value := _sendable(headers.get(name)))}
    if "location" in named:
        named["location"] = _through_here(named["location"], base_url)
    return named


def _sendable(value: str | None) -> str:
    """The value, empty where it cannot be sent."""
    return value.strip() if value and _SENDABLE.fullmatch(value) else ""


def _through_here(location: str, base_url: str) -> str:
    """A URL below the AI backend's as a path of ours, so that a browser comes back to us; any other one as it is."""
    base = urlsplit(base_url)
    try:
        target = urlsplit(location)
        is_there = location.startswith("/") if not target.netloc else _server(target) == _server(base)
    except ValueError:
        return location
    if not is_there or target.username or not f"{target.path}/".startswith(f"{base.path}/"):
        return location
    own = target._replace(scheme="", netloc="", path=target.path.removeprefix(base.path) or "/")
    path = own.geturl()
    return path if _OWN_PATH.fullmatch(path) else location


def _server(url: SplitResult) -> tuple[str | None, int | None]:
    """Host and port. Behind a proxy that ends TLS, a server takes its own URL for http, so the scheme may differ."""
    standard = url.port is None or url.port == _PORTS.get(url.scheme)
    return url.hostname, None if standard else url.port
