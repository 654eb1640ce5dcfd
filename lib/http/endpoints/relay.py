"""Everything that no function owns: relayed to the AI backend, and what it generated is stored on the way back.

The page knows one API address, so its requests to the AI backend come here. What that generates took time and money:
it is stored before the page gets it, so that a closed tab loses nothing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from lib.ai_backend import BackendAnswer, BackendRequest, ask
from lib.config import settings
from lib.db import drafts, personas, website_analyses
from lib.errors import AiBackendFailed, FieldError, InvalidData, NotFound
from lib.http.app import Answer, Call, Route
from lib.http.body import parse_json, read_raw, with_storable_text
from lib.http.problems import BadBody
from lib.http.request_id import HEADER as REQUEST_ID_HEADER
from lib.http.request_id import current_request_id
from lib.http.step_routes import log_saved
from lib.http.trace_context import HEADER as TRACEPARENT
from lib.http.trace_context import traceparent
from lib.steps.definitions import RESEARCH
from lib.steps.generated import (
    competitors_draft,
    finished_result,
    is_success,
    persona_fields,
    sitemap_draft,
    website_payload,
)
from lib.steps.persona import persona_draft
from lib.steps.website_analysis import is_web_url, website_analysis

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

_SENT_ON = ("Authorization", "Content-Type", "Accept", "Accept-Language")
_GIVEN_BACK = ("content-type", "content-disposition", "location", "retry-after")
_VIA = "1.1 onboarding"
_PRINTABLE = re.compile(r"[!-~]+")
_NEVER_RELAYED = re.compile(r"//|\\|\.\.|%(?:25)*(?:2f|5c|00)", re.IGNORECASE)
_NO_SUCH_URL = "There is nothing at this URL."

type Object = Mapping[str, Any]


@dataclass(frozen=True)
class Exchange:
    """A request of a signed-in user with the answer that it got, both as JSON objects."""

    call: Call
    sent: Object
    answer: Object


@dataclass(frozen=True)
class Generating:
    """A request that makes the AI backend generate something. `store` keeps what its answer holds.

    `check` refuses a request whose answer could not be stored, before the AI backend works for it.
    """

    method: str
    path: re.Pattern[str]
    store: Callable[[Exchange], None]
    check: Callable[[Object], None] = lambda _sent: None


def relay(call: Call) -> Answer[bytes]:
    """Send the request on, and give back what came. Raises `NotFound` where there is no AI backend."""
    base_url = settings().ai_backend_url
    if base_url is None:
        raise NotFound(_NO_SUCH_URL)
    signed_in, target, body = call.authenticated(), _target(call), read_raw(call.request)
    generating = _generating(call)
    sent = _sent_object(body) if generating else {}
    if generating:
        generating.check(sent)
    answer = ask(base_url, BackendRequest(call.request.method, target, _headers(call), body))
    if generating and answer.is_success:
        _store(generating, Exchange(signed_in, sent, _generated_object(answer)))
    headers = {name: answer.headers[name] for name in _GIVEN_BACK if name in answer.headers}
    return Answer(answer.status, answer.body, headers)


def _target(call: Call) -> str:
    """The raw path with its query. Raises `NotFound` for a path that another server could read as another path."""
    path, query = call.request.env["PATH_INFO"], call.request.query_string
    target = f"{path}?{query}" if query else path
    if not _PRINTABLE.fullmatch(target) or _NEVER_RELAYED.search(path) or ".." in _decoded(path):
        raise NotFound(_NO_SUCH_URL)
    return target


def _decoded(path: str) -> str:
    """The path with every percent-encoding undone, however often it was done."""
    while (decoded := unquote(path)) != path:
        path = decoded
    return path


def _headers(call: Call) -> dict[str, str]:
    via = call.request.get_header("Via") or ""
    if _VIA in via:
        raise AiBackendFailed("AI_BACKEND_URL leads back to this service")
    sent_on = {name: value for name in _SENT_ON if (value := call.request.get_header(name))}
    return {
        **sent_on,
        "Accept-Encoding": "identity",
        "Via": f"{via}, {_VIA}" if via else _VIA,
        REQUEST_ID_HEADER: current_request_id() or "",
        **({TRACEPARENT: trace} if (trace := traceparent(call.request)) else {}),
    }


def _generating(call: Call) -> Generating | None:
    path = unquote(call.request.env["PATH_INFO"])
    matching = (one for one in _GENERATING if one.method == call.request.method and one.path.fullmatch(path))
    return next(matching, None)


def _sent_object(body: bytes) -> Object:
    """What was sent, as far as it is a JSON object. Refusing anything else is up to the AI backend."""
    try:
        sent = parse_json(body)
    except BadBody:
        return {}
    return sent if isinstance(sent, dict) else {}


def _generated_object(answer: BackendAnswer) -> Object:
    try:
        generated = with_storable_text(answer.body, parse_json(answer.body))
    except BadBody as error:
        raise AiBackendFailed("the answer is not JSON") from error
    if not isinstance(generated, dict):
        raise AiBackendFailed("the answer is not a JSON object")
    return generated


def _store(generating: Generating, exchange: Exchange) -> None:
    try:
        generating.store(exchange)
    except InvalidData as error:
        fields = ", ".join(field.field for field in error.errors)
        raise AiBackendFailed(f"the answer cannot be stored: {fields}") from error


def _check_url(sent: Object) -> None:
    if not is_web_url(sent.get("url")):
        message = "must be a website's URL: http:// or https://, and a host"
        raise InvalidData([FieldError("url", "invalid_url", message)])


def _store_analysis(exchange: Exchange) -> None:
    if not is_success(exchange.answer):
        return
    call, answer, url = exchange.call, exchange.answer, str(exchange.sent["url"]).strip()
    payload, warning = website_payload(url, answer), answer.get("warning")
    analysis = website_analysis(payload)
    website_analyses.complete_step(
        call.database,
        call.user.id,
        payload,
        [],
        analysis.website_url,
        analysis.fields,
        warning=warning if isinstance(warning, str) else None,
        if_match=None,
    )
    log_saved(call, "Website analysis")


def _store_competitors(exchange: Exchange) -> None:
    _add_to_research(exchange, competitors_draft(exchange.answer))


def _store_sitemap(exchange: Exchange) -> None:
    _add_to_research(exchange, sitemap_draft(exchange.answer))


def _add_to_research(exchange: Exchange, found: Object) -> None:
    if not is_success(exchange.answer):
        return
    drafts.add(exchange.call.database, exchange.call.user.id, RESEARCH, found)
    log_saved(exchange.call, "Research draft")


def _store_persona(exchange: Exchange) -> None:
    if is_success(exchange.answer):
        _save_persona(exchange.call, exchange.answer)


def _store_persona_of_task(exchange: Exchange) -> None:
    _save_persona(exchange.call, finished_result(exchange.answer), task_id=_decoded(exchange.call.request.path))


def _save_persona(call: Call, generated: Object, task_id: str | None = None) -> None:
    if fields := persona_fields(generated):
        personas.save_generated(call.database, call.user.id, persona_draft(fields), task_id)
        log_saved(call, "Persona data")


def _path(expression: str) -> re.Pattern[str]:
    return re.compile(f"/api/onboarding/{expression}/?")


_GENERATING = (
    Generating("POST", _path("style-detection/complete"), _store_analysis, check=_check_url),
    Generating("POST", _path("step3/discover-competitors"), _store_competitors),
    Generating("POST", _path("step3/analyze-sitemap"), _store_sitemap),
    Generating("POST", _path("step4/generate-personas"), _store_persona),
    Generating("GET", _path("step4/persona-task/[^/]+"), _store_persona_of_task),
)

# Public, since without an AI backend nobody has to sign in to learn that there is nothing.
ROUTES = [Route(method, "/{path:path}", relay, public=True) for method in METHODS]
