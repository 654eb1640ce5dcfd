"""One line a request in the log, and `Server-Timing` in the answer.

The line is one JSON object on Vercel, and readable anywhere else. It says what was asked and why it was refused, in
names and codes, never in values: a value may be a key. Two kinds of requests are left out while nothing is wrong with
them: preflights, one before almost every request of a page, and health checks, one every few seconds.
"""

import json
import logging
import re
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

import falcon

from lib.config import settings
from lib.http.request_id import REQUEST_LOGGER, current_request_id
from lib.http.trace_context import HEADER as TRACEPARENT
from lib.http.trace_context import trace_id
from lib.timing import database_s, start_counting

MAX_PATH_CHARACTERS = 200
MAX_VALUE_CHARACTERS = 200
MAX_FIELDS = 5

_UNQUOTED = re.compile(r"[!#-<>-~]*")  # printable ASCII without a space, a quote or an equals sign
_log = logging.getLogger(REQUEST_LOGGER)


class _Notes:
    """What the line will say of the request that this thread answers."""

    __slots__ = ("began", "reasons", "user_id")

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.user_id: str | None = None
        self.reasons: list[str] = []


_current: ContextVar[_Notes | None] = ContextVar("request_notes", default=None)


def note(reason: str) -> None:
    """Add to the line why the answer is what it is, or what was asked that the route does not say."""
    if notes := _current.get():
        notes.reasons.append(reason)


def note_user(user_id: str) -> None:
    """Add whose request it is."""
    if notes := _current.get():
        notes.user_id = user_id


def note_problem(code: str, errors: Sequence[Mapping[str, object]] | None) -> None:
    """Add a problem's code, and name and code of the fields that it refuses. A field's name is a caller's text, too."""
    fields = [f"{_shown(str(error['field']))} {error['code']}" for error in errors or []]
    more = [f"{len(fields) - MAX_FIELDS} more"] if len(fields) > MAX_FIELDS else []
    note(f"{code}: {', '.join([*fields[:MAX_FIELDS], *more])}" if fields else code)


def note_refused(what: str, received: object, variable: str) -> None:
    """Add what a setting does not let pass; in development also what came and what the setting says."""
    if not settings().is_development:
        note(what)
        return
    note(f"{what}: received {str(received)[:MAX_VALUE_CHARACTERS]}, {variable} allows {settings().as_set(variable)}")


class RequestLog:
    """Times each request, and logs it when its answer is ready."""

    def process_request(self, _request: falcon.Request, _response: falcon.Response) -> None:
        """Start the clock, before the endpoints are imported."""
        start_counting()
        _current.set(_Notes())

    def process_response(self, request: falcon.Request, response: falcon.Response, *_: Any) -> None:
        """Add the header and write the line."""
        notes = _current.get()
        if notes is None:
            return
        _current.set(None)
        all_ms, database_ms = (time.perf_counter() - notes.began) * 1000, database_s() * 1000
        response.set_header("Server-Timing", f"db;dur={database_ms:.1f}, app;dur={all_ms - database_ms:.1f}")
        if _is_routine(request, response, notes):
            return
        level = logging.ERROR if response.status_code >= 500 else logging.INFO
        fields = {
            "level": logging.getLevelName(level).lower(),
            "method": request.method,
            "route": _route(request),
            "status": response.status_code,
            "ms": round(all_ms, 1),
            "db_ms": round(database_ms, 1),
            "user": notes.user_id,
            "request_id": current_request_id(),
            "trace_id": trace_id(sent) if (sent := request.get_header(TRACEPARENT)) else None,
            "reason": "; ".join(notes.reasons) or None,
        }
        _log.log(level, "%s", _line({name: value for name, value in fields.items() if value is not None}))


def _is_routine(request: falcon.Request, response: falcon.Response, notes: _Notes) -> bool:
    is_frequent = request.method == "OPTIONS" or (request.uri_template or "").endswith("/health")
    return is_frequent and response.status_code < 400 and not notes.reasons


def _route(request: falcon.Request) -> str:
    """The route's template; where any path is taken or none is known, the path without its query."""
    template = request.uri_template
    return _shown(request.path) if template is None or template.startswith("/{") else template


def _shown(text: str) -> str:
    """A caller's text, decoded once, without what looks like a secret, and cut off at the end."""
    from lib.http.masking import without_secrets  # most requests have a route and no refused field

    # Twice as much is looked through, so that a key is recognized though the end cuts it.
    return without_secrets(unquote(text)[: 2 * MAX_PATH_CHARACTERS])[:MAX_PATH_CHARACTERS]


def _line(fields: Mapping[str, object]) -> str:
    if settings().is_on_vercel:
        return json.dumps(fields)
    always = f"{_plain(fields['method'])} {_plain(fields['route'])} {fields['status']} {fields['ms']} ms"
    named = ("db_ms", "user", "request_id", "trace_id", "reason")
    return " ".join([always, *(f"{name}={_plain(fields[name])}" for name in named if name in fields)])


def _plain(value: object) -> str:
    """A value as it is where nobody could take it for two, else in quotes, with every other character escaped."""
    text = str(value)
    return text if _UNQUOTED.fullmatch(text) else json.dumps(text)
