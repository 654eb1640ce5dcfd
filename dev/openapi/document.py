"""Puts the description together: OpenAPI 3.1 of every route."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from dev.openapi import problems
from dev.openapi.examples import Example, examples
from dev.openapi.operations import CONDITIONS, operation, relayed_operation
from dev.openapi.responses import HEADERS, problem_responses
from dev.openapi.routes import described
from dev.openapi.schemas import Schemas
from dev.openapi.table import RELAYED, TAGS
from dev.settings import ROOT
from lib.errors import FieldCode, ProblemCode
from lib.http import answers

FILE = ROOT / "public" / "openapi.json"

DESCRIPTION = """Stores what a person enters in a six-step wizard, and tells where they stand.

Every call acts for the user of the token (`Authorization: Bearer <Clerk session token>`) and for nobody else. Writes
are idempotent: the same call twice leaves the same state. Steps are
numbered as in the wizard of six steps. Times are ISO 8601 in UTC with an offset. A field that is sent and that a step
does not know is kept and given back.

Errors are `application/problem+json` (RFC 9457): `detail` may be shown to a person, `code` is for programs, and the
pages under `/problems` explain each. Every answer carries an `X-Request-Id`, which the logs know; a caller may send
its own."""


@cache
def document() -> dict[str, Any]:
    """The description as a JSON object."""
    schemas = Schemas()
    problem = schemas.of(answers.Problem)
    paths: dict[str, dict[str, Any]] = {}
    for one in described():
        name = f"{one.route.method} {one.path}"
        written = operation(schemas, one, examples().get(name, Example()))
        paths.setdefault(one.path, {})[one.route.method.lower()] = written
    for name, relayed in RELAYED.items():
        method, path = name.split(" ")
        paths.setdefault(path, {})[method.lower()] = relayed_operation(schemas, name, relayed)
    _describe_codes(schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Onboarding API",
            "version": "1.0.0",
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "Where this description is"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [{"bearer": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A session token of Clerk's: `await getToken()`.",
                },
                "operations": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The operators' token: the deployment's `OPERATIONS_TOKEN`.",
                },
            },
            "parameters": CONDITIONS,
            "headers": HEADERS,
            "responses": problem_responses(problem),
            "schemas": dict(sorted(schemas.named.items())),
        },
    }


def text() -> str:
    """The file's text."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


def _describe_codes(schemas: Schemas) -> None:
    for kind, codes in ((ProblemCode, problems.CODES), (FieldCode, problems.FIELD_CODES)):
        listed = "\n".join(f"- `{code}`: {problems.meaning(code)}" for code in codes)
        schema = schemas.named[kind.__name__]
        schema["description"] = f"{schema['description']}\n\n{listed}"
