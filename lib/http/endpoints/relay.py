"""Everything that no function owns: relayed to the AI backend, and what it generated is stored on the way back.

The page knows one API address, so its requests to the AI backend come here. What that generates took time and money:
it is stored before the page gets it, so that a closed tab loses nothing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lib.ai_backend import BackendAnswer, BackendRequest, ask
from lib.config import settings
from lib.db import drafts, personas, website_analyses
from lib.errors import AiBackendFailed, FieldError, InvalidData, NotFound
from lib.http.app import Answer, Call, Route
from lib.http.body import MAX_DEPTH, is_deeper_than, parse_json, read_raw, with_storable_text
from lib.http.crowd import CROWD
from lib.http.problems import BadBody
from lib.http.relay_headers import given_back, sent_on
from lib.http.relay_path import NO_SUCH_URL, fully_decoded, target_of
from lib.http.shares import Shares
from lib.http.step_routes import log_saved
from lib.json_text import dumps
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

MAX_ANSWER_DEPTH = MAX_DEPTH - 2
"""How deep an answer that is stored may be: the page sends its parts back in `data`, and there in a member."""

MOST_AT_ONCE = 8
"""Of one user: each keeps one of the instance's threads for as long as the AI backend takes."""

_relayed = Shares(MOST_AT_ONCE)

_BOM = b"\xef\xbb\xbf"

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
        raise NotFound(NO_SUCH_URL)
    signed_in, request = call.authenticated(), call.request
    target = target_of(request.env["PATH_INFO"], request.query_string)
    headers = sent_on(request)
    with _relayed.one_of(signed_in.user.id):
        asked = BackendRequest(request.method, target, headers, read_raw(request))
        answer = _asked(signed_in, base_url, asked)
    return Answer(answer.status, answer.body, given_back(answer.headers, base_url))


def _asked(call: Call, base_url: str, request: BackendRequest) -> BackendAnswer:
    """The AI backend's answer for the caller, once what it generated is stored."""
    generating = _generating(call)
    sent = {} if generating is None else _sent_object(request.body)
    if generating is not None:
        generating.check(sent)
    with CROWD.left():
        answer = ask(base_url, request)
    if generating is None or not answer.is_success:
        return answer
    parsed = _generated_object(answer)
    generated = with_storable_text(answer.body, parsed)
    _store(generating, Exchange(call, sent, generated))
    # The page sends back what it got, which would be refused with the characters that were replaced.
    return answer if generated == parsed else replace(answer, body=dumps(generated).encode())


def _generating(call: Call) -> Generating | None:
    path = fully_decoded(call.request.env["PATH_INFO"])
    matching = (one for one in _GENERATING if one.method == call.request.method and one.path.fullmatch(path))
    return next(matching, None)


def _sent_object(body: bytes) -> Object:
    """What was sent, as far as it is a JSON object. Refusing anything else is up to the AI backend."""
    try:
        sent = parse_json(body)
    except BadBody:
        return {}
    return sent if isinstance(sent, dict) else {}


def _generated_object(answer: BackendAnswer) -> dict[str, Any]:
    try:
        generated = parse_json(answer.body.removeprefix(_BOM))
    except BadBody as error:
        raise AiBackendFailed("the answer is not JSON") from error
    if not isinstance(generated, dict):
        raise AiBackendFailed("the answer is not a JSON object")
    if is_deeper_than(MAX_ANSWER_DEPTH, generated):
        raise AiBackendFailed(f"the answer is nested deeper than {MAX_ANSWER_DEPTH} levels")
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
    task = fully_decoded(exchange.call.request.env["PATH_INFO"]).rstrip("/")
    _save_persona(exchange.call, finished_result(exchange.answer), task)


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
