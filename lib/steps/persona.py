"""Step 4: the persona that writes for the user, and drafts of it."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import Field

from lib.steps.fields import PERSONA_FIELDS, PersonaFields, SavedPersona, camel_case
from lib.steps.validation import Payload, judge


class CorePersona(Payload):
    """The persona itself."""

    identity: dict[str, Any]


class PersonaPayload(Payload):
    """Step 4's `data`."""

    corePersona: CorePersona
    platformPersonas: dict[str, Any] = Field(min_length=1)
    qualityMetrics: dict[str, Any] | None = None
    selectedPlatforms: list[Any] | None = None


class PersonaDraft(Payload):
    """A persona on its way: any of the fields may still be missing."""

    core_persona: dict[str, Any] | None = None
    platform_personas: dict[str, Any] | None = None
    quality_metrics: dict[str, Any] | None = None
    selected_platforms: list[Any] | None = None


def persona(data: Mapping[str, Any]) -> PersonaFields:
    """Judge step 4's payload and give the persona's columns. Raises `InvalidData`."""
    judge(PersonaPayload, data, "data")
    return cast(PersonaFields, {name: data.get(camel_case(name)) for name in PERSONA_FIELDS})


def persona_draft(body: Mapping[str, Any]) -> SavedPersona:
    """Judge a draft and give the persona's columns; what else was sent goes along. Raises `InvalidData`."""
    judge(PersonaDraft, body, "")
    known = {name: body.get(name) for name in PERSONA_FIELDS}
    others = {name: value for name, value in body.items() if name not in known}
    return cast(SavedPersona, {**known, "additional_fields": others or None})
