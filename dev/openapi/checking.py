"""Whether an answer is one that the description allows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jsonschema_rs

from dev.harness.client import Response
from dev.openapi.routes import other_names

LARGEST_CHECKED = 100_000  # bytes; what is larger holds the same shapes more often

_DOCUMENT = "urn:onboarding:openapi"
_PARAMETER = re.compile(r"\{(\w+)\}")


class NotDescribedError(AssertionError):
    """An answer that openapi.json does not allow."""


@dataclass
class Checker:
    """Checks answers against one description."""

    document: dict[str, Any]
    checked: int = 0
    _validators: dict[str, Any] = field(default_factory=dict)

    def check(self, method: str, path: str, answer: Response) -> None:
        """Raises `NotDescribedError` for an answer that the description of its operation does not allow."""
        if (place := self._operation(method, path.partition("?")[0])) is None:
            return
        self.checked += 1
        if problem := self._problem(self._at(place)["responses"], answer):
            raise NotDescribedError(f"{method} {path} answered {answer.status}: {problem}: {answer.text[:500]}")

    def _problem(self, responses: Mapping[str, Any], answer: Response) -> str | None:
        status = str(answer.status) if str(answer.status) in responses else "default"
        if status not in responses:
            return "openapi.json does not list this status"
        response = self._resolved(responses[status])
        for name, header in response.get("headers", {}).items():
            if name not in answer.headers and self._resolved(header).get("required"):
                return f"without {name}"
        if "content" not in response:
            return "with a body" if answer.body else None
        return None if "*/*" in response["content"] else self._problem_of_body(response["content"], answer)

    def _problem_of_body(self, content: Mapping[str, Any], answer: Response) -> str | None:
        kind = (answer.headers["Content-Type"] or "").partition(";")[0]
        if kind not in content:
            return f"as {kind}"
        if len(answer.body) > LARGEST_CHECKED:
            return None
        error = next(self._validator(content[kind]["schema"]).iter_errors(answer.json()), None)
        return error and str(error)

    def _validator(self, schema: Mapping[str, Any]) -> Any:
        key = repr(schema)
        if key not in self._validators:
            absolute = _with_absolute_references(schema)
            self._validators[key] = jsonschema_rs.Draft202012Validator(
                absolute, registry=self._registry, validate_formats=True
            )
        return self._validators[key]

    @cached_property
    def _registry(self) -> Any:
        return jsonschema_rs.Registry([(_DOCUMENT, self.document)], draft=jsonschema_rs.Draft202012)

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str]]:
        """Each path as an expression; those without parameters go first."""
        documented = [(path, path) for path in self.document["paths"]]
        known = sorted([*documented, *other_names().items()], key=lambda pair: pair[0].count("{"))
        return [(re.compile(_PARAMETER.sub("[^/]+", path)), to) for path, to in known]

    def _operation(self, method: str, path: str) -> tuple[str, str] | None:
        found = next((to for expression, to in self._paths if expression.fullmatch(path)), None)
        if found is None or method.lower() not in self.document["paths"][found]:
            return None
        return found, method.lower()

    def _at(self, place: tuple[str, str]) -> Mapping[str, Any]:
        operation: Mapping[str, Any] = self.document["paths"][place[0]][place[1]]
        return operation

    def _resolved(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in part:
            return part
        found: Any = self.document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        resolved: Mapping[str, Any] = found
        return resolved


def _with_absolute_references(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            name: f"{_DOCUMENT}{value}" if name == "$ref" else _with_absolute_references(value)
            for name, value in schema.items()
        }
    return [_with_absolute_references(item) for item in schema] if isinstance(schema, list) else schema
