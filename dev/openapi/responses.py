"""What each operation may answer: its own answer, and the problems that follow from how it is called."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, get_args

from dev.openapi import problems
from dev.openapi.examples import Example
from dev.openapi.links import links_of
from dev.openapi.routes import Described, answer_type
from dev.openapi.schemas import REFERENCE, Schema, Schemas
from lib.errors import ProblemCode
from lib.http import answers

JSON, PROBLEM = "application/json", "application/problem+json"
ANYTHING: dict[str, Any] = {"*/*": {}}

REQUEST_ID = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
_ETAG = {"ETag": {"$ref": "#/components/headers/ETag"}}
HEADERS = {
    "ETag": {"description": "What this answer is a version of.", "required": True, "schema": {"type": "string"}},
    "RequestId": {
        "description": "By which name the logs know the request: the caller's own `X-Request-Id`, or a new one.",
        "required": True,
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "After how many seconds to try again.",
        "required": True,
        "schema": {"type": "integer"},
    },
    "WwwAuthenticate": {
        "description": "How to sign in.",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}
_RETRY_AFTER = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
_MORE_HEADERS = {
    401: {"WWW-Authenticate": {"$ref": "#/components/headers/WwwAuthenticate"}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}


def responses(schemas: Schemas, one: Described, example: Example) -> dict[str, Any]:
    """Every answer of an operation, by its status."""
    operation = one.operation
    headers = {**REQUEST_ID, **(_ETAG if operation.conditional or operation.may_be_unchanged else {})}
    found = {} if operation.always_refused else _success(schemas, one, example, headers)
    if operation.may_be_unchanged:
        found["304"] = {"description": "Nothing changed since the answer with this `ETag`.", "headers": headers}
    for status, kind in operation.others.items():
        content = {JSON: {"schema": schemas.of(kind)}}
        found[str(status)] = {"description": _said_of(schemas, kind), "headers": REQUEST_ID, "content": content}
    return dict(sorted({**problems_of(_codes(one), taken=found), **found}.items()))


def _success(schemas: Schemas, one: Described, example: Example, headers: dict[str, Any]) -> dict[str, Any]:
    body = answer_type(one.handler)
    if body is type(None):
        return {"204": {"description": "Done: there is nothing to say.", "headers": headers}}
    content = {JSON: {"schema": schemas.of(body), **example.of_answer()}}
    links = links_of(one.operation.id)
    return {"200": {"description": _said_of(schemas, body), "headers": headers, "content": content, **links}}


def _said_of(schemas: Schemas, kind: Any) -> str:
    """What an answer is: the text of its type."""
    references = re.findall(rf"{REFERENCE}(\w+)", json.dumps(schemas.of(kind)))
    said = str(schemas.named[references[0]]["description"])
    return f"{said} Null where there is none." if type(None) in get_args(kind) else said


def _codes(one: Described) -> set[ProblemCode]:
    """The codes of the problems that an operation may answer."""
    operation, route = one.operation, one.route
    codes: set[ProblemCode] = {"internal_error", "unavailable", *operation.errors}
    if operation.others:
        codes.discard("unavailable")
    if not route.public:
        codes |= {"too_many_requests", "unauthenticated"}
    if "{" in route.path or set(operation.parameters) & {"limit", "before", "after"}:
        codes.add("bad_request")
    if operation.request:
        codes |= {"malformed_body", "payload_too_large"}
        if not operation.reads_raw_body:
            codes |= {"unsupported_media_type", "invalid_data", "limit_reached"}
    if operation.may_be_unchanged or operation.conditional:
        codes.add("malformed_validator")
    return codes | ({"version_mismatch"} if operation.conditional else set())


def problems_of(codes: Iterable[ProblemCode], taken: Iterable[str] = ()) -> dict[str, Any]:
    """A response for each status, which says which of its codes the operation has."""
    by_status: dict[str, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(str(problems.status_of(code)), []).append(code)
    return {
        status: {
            "$ref": f"#/components/responses/{_name_of(status)}",
            "description": ", ".join(f"`{code}`" for code in listed),
        }
        for status, listed in by_status.items()
        if status not in taken
    }


def relayed_problems_of(schemas: Schemas, codes: Iterable[ProblemCode]) -> dict[str, Any]:
    """The same for a relayed operation: the AI backend may answer any of these statuses in its own way."""
    content = {PROBLEM: {"schema": schemas.of(answers.Problem)}, **ANYTHING}
    listed = problems_of(codes)
    return {
        status: {"description": f"{response['description']}, or the AI backend's own answer.", "content": content}
        for status, response in listed.items()
    }


def _name_of(status: str) -> str:
    return HTTPStatus(int(status)).phrase.replace(" ", "")


def problem_responses(problem: Schema) -> dict[str, Any]:
    """The problems by the name of their status, with an example of each code."""
    responses: dict[str, Any] = {}
    for code in problems.DOCUMENTED:
        status = problems.status_of(code)
        response = responses.setdefault(
            _name_of(str(status)),
            {
                "description": "",
                "headers": {**REQUEST_ID, **_MORE_HEADERS.get(status, {})},
                "content": {PROBLEM: {"schema": problem, "examples": {}}},
            },
        )
        response["description"] = "\n".join(filter(None, [response["description"], f"`{code}`"]))
        response["content"][PROBLEM]["examples"][code] = {
            "summary": problems.meaning(code),
            "value": problems.example(code),
        }
    return dict(sorted(responses.items()))
