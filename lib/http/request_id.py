"""Gives every request an id, returns it, and writes it behind every log line of that request."""

import logging
import re
import uuid
from contextvars import ContextVar
from typing import Any

import falcon

HEADER = "X-Request-Id"
_SAFE = re.compile(r"[A-Za-z0-9_:.-]{1,128}")

REQUEST_LOGGER = "lib.http.request_log"
"""The logger whose lines hold the id already, and may be JSON."""

_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def current_request_id() -> str | None:
    """The id of the request that this thread answers."""
    return _current.get()


class RequestIdMiddleware:
    """Keeps a caller's id when it is harmless, else makes one."""

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        """Set the id before anything can be logged."""
        sent = request.get_header(HEADER) or ""
        request_id = sent if _SAFE.fullmatch(sent) else uuid.uuid4().hex
        _current.set(request_id)
        response.set_header(HEADER, request_id)

    def process_response(self, *_: Any) -> None:
        """The thread goes on to other requests."""
        _current.set(None)


def mark_log_records() -> None:
    """Write the id of the current request behind every message, whoever logs it. Safe to call again."""
    make_record = logging.getLogRecordFactory()
    if getattr(make_record, "marks_request_id", False):
        return

    def make_marked_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make_record(*args, **kwargs)
        if (request_id := _current.get()) and record.name != REQUEST_LOGGER:
            record.msg = f"{record.msg} request_id={request_id}"
        return record

    make_marked_record.marks_request_id = True  # type: ignore[attr-defined] # a mark on our own function
    logging.setLogRecordFactory(make_marked_record)
