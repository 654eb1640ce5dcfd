"""Errors that the page caught in a browser: one log line each."""

import json
import logging

from lib.http.app import NO_CONTENT, Answer, Call, Route
from lib.http.body import read_raw
from lib.http.masking import without_secrets

MAX_LINE_BYTES = 2048
_ROOM_FOR_THE_REST = 256  # level, logger and request id, which the log adds

_log = logging.getLogger(__name__)


def report(call: Call) -> Answer[None]:
    """Log what the page sent, whatever it is: without keys, on one line and cut off at the end."""
    sent = read_raw(call.request)[: 4 * MAX_LINE_BYTES].decode("utf-8", "replace")
    shown = json.dumps(without_secrets(sent))
    _log.warning("page error: %s", shown[: MAX_LINE_BYTES - _ROOM_FOR_THE_REST])
    return NO_CONTENT


ROUTES = [Route("POST", "/api/log-error", report, public=True)]
