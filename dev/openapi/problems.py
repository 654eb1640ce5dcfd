"""The errors: what each code means, as the page `/problems` says it, and an example of each as the API renders it."""

from __future__ import annotations

import html
import json
import logging
import re
from functools import cache
from http import HTTPStatus
from typing import Any, get_args

from dev.harness.in_process import InProcess
from dev.settings import ROOT
from lib import errors
from lib.errors import FieldCode, FieldError, ProblemCode
from lib.http.app import Call, Route, Services, build_app
from lib.http.problems import BadBody
from lib.http.request_id import HEADER
from lib.steps.limits import too_many_websites
from lib.steps.progress import Progress
from lib.steps.requirements import incomplete

CODES: tuple[str, ...] = get_args(ProblemCode.__value__)
FIELD_CODES: tuple[str, ...] = get_args(FieldCode.__value__)

_ARTICLE = re.compile(
    r'<article id="(\w+)"><h3>.*?(?:<small>(\d+)</small>)?</h3>\s*<p>(.*?)</p>\s*<p class="remedy">(.*?)</p>', re.DOTALL
)
_TAG = re.compile(r"<(/?)(\w+)[^>]*>")


@cache
def _articles() -> dict[str, tuple[str, str]]:
    page = (ROOT / "public" / "problems" / "index.html").read_text()
    return {
        code: (status, f"{_text(meaning)} {_text(remedy)}") for code, status, meaning, remedy in _ARTICLE.findall(page)
    }


def _text(marked_up: str) -> str:
    plain = _TAG.sub(lambda tag: "`" if tag[2] == "code" else "", marked_up)
    return html.unescape(" ".join(plain.split()))


def meaning(code: str) -> str:
    """What a code of a problem or a field means, and what to do."""
    return _articles()[code][1]


def status_of(code: str) -> int:
    """The status that a problem with this code has."""
    return int(_articles()[code][0])


_ERRORS: dict[ProblemCode, Exception] = {
    "ai_backend_failed": errors.AiBackendFailed("sample"),
    "ai_backend_timeout": errors.AiBackendTimeout("sample"),
    "bad_request": errors.OnboardingError("The step in the URL has to be a number from 1 to 6."),
    "conflict": errors.Conflict("Website Analysis is required and cannot be skipped."),
    "internal_error": RuntimeError("sample"),
    "invalid_data": errors.InvalidData(
        [FieldError("data.analysis.website_url", "invalid_url", "must start with http:// or https://, and have a host")]
    ),
    "limit_reached": too_many_websites(),
    "malformed_body": BadBody(HTTPStatus.BAD_REQUEST, "The body is not valid JSON (line 1, column 9)."),
    "malformed_validator": BadBody(
        HTTPStatus.BAD_REQUEST,
        'The header If-Match cannot be used: it holds ETags such as "7", separated by commas, or *.',
        "malformed_validator",
    ),
    "not_found": errors.NotFound("There is no such analysis."),
    "onboarding_incomplete": incomplete(Progress()),
    "payload_too_large": BadBody(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than 4 MiB.", "payload_too_large"
    ),
    "too_many_requests": errors.TooManyRequests("You are sending faster than we can store. Please try again."),
    "unauthenticated": errors.Unauthenticated("Please sign in."),
    "unavailable": errors.Unavailable("The database is not available. Please try again later.", "sample"),
    "unsupported_media_type": BadBody(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.", "unsupported_media_type"
    ),
    "version_mismatch": errors.VersionMismatch(
        4,
        {
            "step_number": 5,
            "title": "Integrations",
            "description": "Configure ALwrity integrations",
            "status": "in_progress",
            "completed_at": None,
            "data": None,
            "draft": {"data": {"email": "editor@example.com"}, "saved_at": "2026-11-24T09:30:00+00:00"},
            "validation_errors": [],
            "version": 4,
        },
    ),
}
DOCUMENTED = tuple(_ERRORS)
"""The codes of documented operations. `method_not_allowed` is none of them: what is documented is allowed."""


@cache
def example(code: ProblemCode) -> dict[str, Any]:
    """A problem of this code as the API answers it."""

    def fail(_call: Call) -> object:
        raise _ERRORS[code]

    app = build_app(lambda: [Route("GET", "/", fail, public=True)], Services(_nothing, _nothing))
    logging.disable()  # each of them would be a line in the log
    try:
        answer = InProcess("", 0, str, app=app).get("/", headers={HEADER: "0d9106fd287db7f1adbc60926f6967e7"})
    finally:
        logging.disable(logging.NOTSET)
    problem: dict[str, Any] = json.loads(answer.body)
    return problem


def _nothing() -> Any:
    raise RuntimeError("an example needs no service")
