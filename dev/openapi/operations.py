"""What the description says of one operation."""

from __future__ import annotations

import inspect
import re
from functools import partial
from typing import Any

from pydantic import BaseModel

from dev.openapi.descriptions import one_line
from dev.openapi.examples import Example, examples
from dev.openapi.links import links_of
from dev.openapi.responses import ANYTHING, JSON, REQUEST_ID, relayed_problems_of, responses
from dev.openapi.routes import PATH_PARAMETER, Described
from dev.openapi.schemas import Schemas
from dev.openapi.table import GENERATED, PARAMETERS, Operation, Parameter, Relayed
from lib.errors import ProblemCode
from lib.steps.definitions import SIX_STEPS

_RAISES = re.compile(r"\s*Raises [^.]*\.")
_TAG = '"[!#-~\\u0080-\\u00ff]*"'
_WEAK_TAG = f"(W/)?{_TAG}"


def _list_of(tag: str) -> dict[str, str]:
    """What lib/http/validators.py takes."""
    return {"type": "string", "pattern": rf"^[ \t]*(\*|{tag}([ \t]*,[ \t]*{tag})*)[ \t]*$"}


CONDITIONS = {
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "Only write over these versions of the step: what its `ETag` said, or several, or `*` for any.",
        "schema": _list_of(_TAG),
        "example": '"3"',
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of the answer that the caller has: 304 without a body where nothing changed.",
        "schema": _list_of(_WEAK_TAG),
        "example": '"3"',
    },
}


def operation(schemas: Schemas, one: Described, example: Example) -> dict[str, Any]:
    """A route of the functions."""
    summary, more = _said_by(one)
    parameters = [*_path_parameters(one), *map(PARAMETERS.__getitem__, one.operation.parameters)]
    written: dict[str, Any] = {
        "operationId": one.operation.id,
        "tags": [one.operation.tag],
        "summary": _summary(one, summary),
        **({"description": more} if more else {}),
    }
    if listed := [*map(_parameter, parameters), *_conditions(one.operation)]:
        written["parameters"] = listed
    written |= _body(schemas, one.operation.request, example, required=one.operation.body_required)
    if one.route.public:
        written["security"] = [{"operations": []}] if one.operation.for_operators else []
    written["responses"] = responses(schemas, one, example)
    return written


def _said_by(one: Described) -> tuple[str, str]:
    """What the handler's docstring says, first in a line and then in more; which errors Python raises is left out."""
    summary, _, more = _RAISES.sub("", inspect.cleandoc(one.handler.__doc__)).partition("\n\n")
    refused = "This step is required: it cannot be skipped." if one.operation.always_refused else ""
    return one_line(summary), " ".join(filter(None, [one_line(more), refused]))


def _summary(one: Described, summary: str) -> str:
    """The handler's first line, with the title of the step where one function answers for every step."""
    if isinstance(one.route.handler, partial) and (number := re.search(r"/step/(\d+)", one.path)):
        return f"Step {number[1]}, {SIX_STEPS.step(int(number[1])).title}: {summary[0].lower()}{summary[1:]}"
    return summary


def _path_parameters(one: Described) -> list[Parameter]:
    return [PARAMETERS[name] for name in PATH_PARAMETER.findall(one.route.path)]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": parameter.schema,
        **({} if parameter.example is None else {"example": parameter.example}),
    }


def _conditions(operation: Operation) -> list[dict[str, str]]:
    names = [*(["IfMatch"] if operation.conditional else []), *(["IfNoneMatch"] if operation.may_be_unchanged else [])]
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _body(schemas: Schemas, model: type[BaseModel] | None, example: Example, *, required: bool) -> dict[str, Any]:
    if model is None:
        return {}
    content = {JSON: {"schema": schemas.of(model), **example.of_request()}}
    return {"requestBody": {"required": required, "content": content}}


def relayed_operation(schemas: Schemas, name: str, relayed: Relayed) -> dict[str, Any]:
    """A call that is relayed to the AI backend."""
    example = examples().get(name, Example())
    codes: set[ProblemCode] = {
        *("ai_backend_failed", "ai_backend_timeout", "internal_error", "not_found", "payload_too_large"),
        *("too_many_requests", "unauthenticated", "unavailable", "limit_reached", "malformed_body"),
        *relayed.errors,
    }
    parameters = [_parameter(PARAMETERS[found]) for found in PATH_PARAMETER.findall(name)]
    content = {JSON: {"schema": {"type": "object", "additionalProperties": True}, **example.of_answer()}}
    return {
        "operationId": relayed.id,
        "tags": [GENERATED],
        "summary": relayed.summary,
        "description": "Relayed to the AI backend, whose answer is given back; it may take minutes.",
        **({"parameters": parameters} if parameters else {}),
        **_body(schemas, relayed.request, example, required=True),
        "responses": {
            "200": {
                "description": "What was generated.",
                "headers": REQUEST_ID,
                "content": content,
                **links_of(relayed.id),
            },
            **relayed_problems_of(schemas, codes),
            "default": {"description": "What else the AI backend answers.", "content": ANYTHING},
        },
    }
