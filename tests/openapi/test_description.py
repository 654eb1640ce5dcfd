from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPMessage
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from dev.harness.client import Response
from dev.openapi import problems
from dev.openapi.checking import Checker, NotDescribedError
from dev.openapi.document import FILE, document, text
from dev.openapi.links import LINKS
from dev.openapi.record import generating, walk
from dev.openapi.routes import described

DOCUMENT = document()
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


def _schema(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "components": DOCUMENT["components"]}


def _contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The bodies of an operation that are its own: what is sent, and what is answered where nothing went wrong."""
    if "requestBody" in operation:
        yield "request", operation["requestBody"]["content"]["application/json"]
    for status, response in operation["responses"].items():
        if status.startswith("2") and "content" in response:
            yield status, response["content"]["application/json"]


def test_the_file_is_what_the_code_gives() -> None:
    """`make openapi` writes public/openapi.json anew after every change of a route, an answer or a request."""
    assert FILE.read_text() == text(), "public/openapi.json is old: run make openapi"


def test_the_description_is_openapi_3_1() -> None:
    """The file is valid by the specification's own schema."""
    schemathesis.openapi.from_dict(document()).validate()
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_operation_has_a_name_of_its_own() -> None:
    """Generated clients name their methods after it."""
    names = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(names) == len(set(names)) > 70


def test_every_link_is_followed_from_an_operation_to_another() -> None:
    """A link that names an operation that is not there would be dropped in silence."""
    names = {operation["operationId"] for _, operation in OPERATIONS}
    assert {name for link in LINKS for name in (link.of, link.to)} <= names


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_an_operation_says_what_it_does_and_shows_an_example(name: str, operation: dict[str, Any]) -> None:
    """A summary, a text for each parameter and answer, and an example of each body that fits its schema."""
    assert operation["summary"], name
    for parameter in operation.get("parameters", []):
        assert "$ref" in parameter or parameter["description"]
    for status, response in operation["responses"].items():
        assert response["description"], status
    for where, content in _contents(operation):
        assert "example" in content, f"{where}: run python -m dev.openapi.record"
        validator = jsonschema_rs.validator_for(_schema(content["schema"]), validate_formats=True)
        assert [error.message for error in validator.iter_errors(content["example"])] == [], where


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_field_is_described(name: str) -> None:
    """A type and each of its fields have a text."""
    schema = DOCUMENT["components"]["schemas"][name]
    assert schema["description"]
    for field, part in schema.get("properties", {}).items():
        assert part.get("description"), f"write a text behind {name}.{field}"


def test_every_error_is_described_and_has_an_example() -> None:
    """Each code of a problem but that of a wrong method, which no described call can have."""
    shown = {
        code: example
        for response in DOCUMENT["components"]["responses"].values()
        for code, example in response["content"]["application/problem+json"]["examples"].items()
    }
    assert set(shown) == set(problems.CODES) - {"method_not_allowed"}
    validator = jsonschema_rs.validator_for(_schema({"$ref": "#/components/schemas/Problem"}))
    for code, example in shown.items():
        assert example["summary"]
        assert (example["value"]["code"], example["value"]["status"]) == (code, problems.status_of(code))
        validator.validate(example["value"])


def test_every_reference_leads_somewhere() -> None:
    """No `$ref` in the file names a component that is not there."""

    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            yield from ([part["$ref"]] if isinstance(part.get("$ref"), str) else [])
            for value in part.values():
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    for reference in references(DOCUMENT):
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in DOCUMENT["components"][kind]


def test_every_route_is_described() -> None:
    """A route without an entry in dev/openapi/table.py stops this; another name of a described one does not."""
    assert {f"{one.route.method} {one.path}" for one in described()} <= {name for name, _ in OPERATIONS}


def test_an_answer_that_is_not_described_is_told() -> None:
    """What every test's answers are checked with refuses another status, another type, a missing or a new field."""
    checker = Checker(DOCUMENT)
    good = DOCUMENT["paths"]["/api/onboarding/status"]["get"]["responses"]["200"]["content"]["application/json"]
    status = good["example"]
    checker.check("GET", "/api/onboarding/status", _answer(200, status))
    checker.check("GET", "/api/onboarding/status?x=1", _answer(200, status))
    refused = [
        _answer(202, status),
        _answer(200, {**status, "more": 1}),
        _answer(200, {**status, "current_step": "1"}),
        _answer(200, {**status, "started_at": "yesterday"}),
        _answer(200, status, ETag=None),
        _answer(200, status, **{"Content-Type": "text/plain"}),
        _answer(503, {"detail": "no problem"}, **{"Content-Type": "application/problem+json", "Retry-After": "5"}),
    ]
    for answer in refused:
        with pytest.raises(NotDescribedError):
            checker.check("GET", "/api/onboarding/status", answer)
    assert checker.checked == 2 + len(refused)


def _answer(status: int, body: object, **headers: str | None) -> Response:
    fields = {"Content-Type": "application/json", "X-Request-Id": "1", "ETag": 'W/"1"', **headers}
    message = HTTPMessage()
    for name, value in fields.items():
        if value is not None:
            message[name] = value
    return Response(status, message, json.dumps(body).encode())


def test_every_operation_is_called_when_examples_are_recorded() -> None:
    """`python -m dev.openapi.record` has a call of each but three that it makes in a way of their own."""
    made_otherwise = {
        "GET /api/onboarding/step4/persona-task/{task_id}",
        "GET /api/operations/funnel",
        "POST /api/webhooks/clerk",
    }
    answered = {name for name, operation in OPERATIONS if operation["responses"].keys() & {"200", "204"}}
    assert {name for name, _, _ in (*walk(), *generating())} == answered - made_otherwise
