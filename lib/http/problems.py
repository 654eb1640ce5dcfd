"""Errors as `application/problem+json` (RFC 9457). Nothing internal gets into one."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import falcon

from lib.errors import (
    MAX_ERRORS,
    MAX_FIELD_CHARACTERS,
    AiBackendFailed,
    AiBackendTimeout,
    Conflict,
    FieldError,
    InvalidData,
    LimitReached,
    NotFound,
    OnboardingError,
    PayloadTooLarge,
    ProblemCode,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    VersionMismatch,
)
from lib.http.request_id import current_request_id
from lib.http.request_log import note_problem
from lib.json_text import dumps

RETRY_AFTER_S = 5

# An answer of an error is 16 KiB at most. A character takes six bytes at most in JSON, so a detail takes 3,000.
MAX_DETAIL_CHARACTERS = 500
MAX_ENTRIES_BYTES = 12_000

_STATUSES: dict[type, HTTPStatus] = {
    OnboardingError: HTTPStatus.BAD_REQUEST,
    InvalidData: HTTPStatus.UNPROCESSABLE_ENTITY,
    PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    LimitReached: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    VersionMismatch: HTTPStatus.PRECONDITION_FAILED,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    AiBackendFailed: HTTPStatus.BAD_GATEWAY,
    AiBackendTimeout: HTTPStatus.GATEWAY_TIMEOUT,
}

_HEADERS: dict[type, Mapping[str, str]] = {
    Unauthenticated: {"WWW-Authenticate": "Bearer"},
    TooManyRequests: {"Retry-After": "1"},
    Unavailable: {"Retry-After": str(RETRY_AFTER_S)},
}

_log = logging.getLogger(__name__)


class _Tracebacks:
    """How an unexpected error is logged."""

    keep_messages = False


def keep_messages_in_tracebacks() -> None:
    """From now on, log an unexpected error whole. For development alone: a message may quote a value, and so a key.

    No environment variable does this, so that nothing set by mistake can do it in a deployment.
    """
    _Tracebacks.keep_messages = True


class BadBody(OnboardingError):
    """A body that cannot be read as the JSON object it has to be."""

    def __init__(self, status: HTTPStatus, detail: str, code: ProblemCode = "malformed_body") -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


def handle_errors(app: "falcon.App[falcon.Request, falcon.Response]") -> None:
    """Answer every kind of error of this app with a problem."""
    app.add_error_handler(Exception, _unexpected)
    app.add_error_handler(falcon.HTTPError, _http_error)
    app.add_error_handler(OnboardingError, _domain_error)


def _unexpected(request: falcon.Request, response: falcon.Response, error: Exception, _params: object) -> None:
    # The traceback shows where. The message stays out: a driver's or parser's may quote a value, and so a key.
    shown = error if _Tracebacks.keep_messages else _without_message(error)
    _log.error("%s in %s", type(error).__name__, request.method, exc_info=shown)
    detail = "Something went wrong on our side. Please try again."
    _write(response, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)


def _http_error(_request: falcon.Request, response: falcon.Response, error: falcon.HTTPError, _params: object) -> None:
    status = HTTPStatus(error.status_code)
    response.set_headers(error.headers or {})
    code, detail = _HTTP_ERRORS.get(status, ("bad_request", error.description or status.description))
    _write(response, status, code, detail)


def _domain_error(_request: falcon.Request, response: falcon.Response, error: OnboardingError, _params: object) -> None:
    kind = next((kind for kind in type(error).__mro__ if kind in _STATUSES), OnboardingError)
    status = error.status if isinstance(error, BadBody) else _STATUSES[kind]
    response.set_headers(_HEADERS.get(kind, {}))
    if isinstance(error, Unavailable):
        _log.error("unavailable: %s", error.reason)
    if isinstance(error, AiBackendFailed):
        _log.error("AI backend: %s", error.reason)
    members = {"errors": _entries(error)} if isinstance(error, InvalidData) else error.members
    _write(response, status, error.code, error.detail, members)


def _entries(refused: InvalidData) -> list[dict[str, str]]:
    """The first errors, and how many there are besides: an answer stays small whatever was sent."""
    shown: list[dict[str, str]] = []
    room = MAX_ENTRIES_BYTES
    for error in refused.errors[:MAX_ERRORS]:
        message = error.message[:MAX_DETAIL_CHARACTERS]
        entry = {**asdict(error), "field": error.field[:MAX_FIELD_CHARACTERS], "message": message}
        room -= len(dumps(entry).encode())
        if room < 0:
            break
        shown.append(entry)
    if more := len(refused.errors) - len(shown) + refused.more:
        shown.append(asdict(FieldError("…", "more_errors", f"{more} more fields were refused")))
    return shown


_HTTP_ERRORS: dict[HTTPStatus, tuple[ProblemCode, str]] = {
    HTTPStatus.NOT_FOUND: ("not_found", "There is nothing at this URL."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "Method not allowed for this URL."),
}


def _write(
    response: falcon.Response,
    status: HTTPStatus,
    code: ProblemCode,
    detail: str,
    members: Mapping[str, Any] | None = None,
) -> None:
    problem: dict[str, object] = {
        "type": f"/problems#{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": _cut(detail),
        "code": code,
        "request_id": current_request_id(),
        **(members or {}),
    }
    note_problem(code, (members or {}).get("errors"))
    response.status = status
    response.content_type = "application/problem+json"
    response.text = dumps(problem)


def _cut(detail: str) -> str:
    """The sentence, or its beginning where it is too long to be read."""
    return detail if len(detail) <= MAX_DETAIL_CHARACTERS else f"{detail[: MAX_DETAIL_CHARACTERS - 2]}…."


def _without_message(error: Exception) -> Exception:
    return Exception(type(error).__name__).with_traceback(error.__traceback__)
