"""Step 4: the persona that writes for the user, and drafts of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from pydantic import Field

from lib.errors import FieldError, InvalidData
from lib.steps.fields import PERSONA_FIELDS, PersonaFields, SavedPersona, camel_case
from lib.steps.validation import Payload, validated


class CorePersona(Payload):
    """The persona itself."""

    identity: dict[str, Any]
    """Who the persona is."""


class PersonaPayload(Payload):
    """Step 4's `data`."""

    corePersona: CorePersona
    """The persona itself."""
    platformPersonas: dict[str, Any] = Field(min_length=1)
    """How the persona writes on each platform."""
    qualityMetrics: dict[str, Any] | None = None
    """How good the persona is."""
    selectedPlatforms: list[Any] | None = None
    """The platforms that the user chose."""


class PersonaDraft(Payload):
    """An unfinished persona: any of the fields may be missing."""

    core_persona: dict[str, Any] | None = None
    """The persona itself."""
    platform_personas: dict[str, Any] | None = None
    """How the persona writes on each platform."""
    quality_metrics: dict[str, Any] | None = None
    """How good the persona is."""
    selected_platforms: list[Any] | None = None
    """The platforms that the user chose."""


def persona(data: Mapping[str, Any]) -> PersonaFields:
    """Validate step 4's payload; give the persona's fields. Raises `InvalidData`."""
    _validate(data)
    return cast(PersonaFields, {name: data.get(camel_case(name)) for name in PERSONA_FIELDS})


def _validate(data: Mapping[str, Any]) -> None:
    try:
        validated(PersonaPayload, data, "data")
    except InvalidData as error:
        raise InvalidData([told for refused in error.errors for told in _with_identity(refused, data)]) from None


def _with_identity(refused: FieldError, data: Mapping[str, Any]) -> list[FieldError]:
    """The error with what it hides: in a persona that is no object nobody has looked for its identity."""
    if refused.field != "data.corePersona":
        return [refused]
    if "corePersona" not in data:
        return [refused, FieldError("data.corePersona.identity", "required", "is required")]
    return [replace(refused, message="must be an object with identity, an object too")]


def persona_draft(body: Mapping[str, Any]) -> SavedPersona:
    """Validate a draft; give the persona's fields, with what else was sent. Raises `InvalidData`."""
    validated(PersonaDraft, body, "")
    known = {name: body.get(name) for name in PERSONA_FIELDS}
    others = {name: value for name, value in body.items() if name not in known}
    return cast(SavedPersona, {**known, "additional_fields": others or None})
