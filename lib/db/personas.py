"""Step 4's table: one persona a user, saved by the step or as a draft."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select

from lib.db import sessions, steps
from lib.db.database import Database
from lib.db.events import event_values, recorded
from lib.db.guards import persona_fits, within_quota
from lib.db.statements import USER, Bound, Query, Statement, parameter, upsert
from lib.db.tables import persona_data
from lib.steps.definitions import PERSONA
from lib.steps.fields import SAVED_PERSONA_FIELDS, PersonaFields, SavedPersona, names_of
from lib.steps.progress import Progress

_persona = persona_data.c


class Persona(SavedPersona):
    """A persona and when it was last saved."""

    updated_at: datetime


_SAVE = Statement(upsert(persona_data, SAVED_PERSONA_FIELDS, [_persona.user_id], untouched=["generated_by"]))
# A field that a draft leaves out stays as it was.
_SAVE_DRAFT = Statement(
    upsert(
        persona_data,
        SAVED_PERSONA_FIELDS,
        [_persona.user_id],
        keep_if_null=SAVED_PERSONA_FIELDS,
        untouched=["generated_by"],
    )
)
# A task that was stored before is not stored again: the person may have edited the persona since.
_SAVE_GENERATED = Statement(
    upsert(
        persona_data,
        [*SAVED_PERSONA_FIELDS, "generated_by"],
        [_persona.user_id],
        keep_if_null=[*SAVED_PERSONA_FIELDS, "generated_by"],
        only_if=_persona.generated_by.is_distinct_from(parameter(persona_data, "generated_by"))
        | parameter(persona_data, "generated_by").is_(None),
    )
)
# What a task had given before is not stored again.
_EVENT_SAVED = recorded(exists().where(_persona.user_id == USER, _persona.updated_at == func.now()))
_READ = Query(select(*(_persona[name] for name in names_of(Persona))).where(_persona.user_id == USER), Persona)


def complete_step(
    database: Database,
    user_id: str,
    data: object,
    validation_errors: list[object],
    persona: PersonaFields,
    *,
    if_match: Collection[int] | None,
) -> Progress:
    """Complete step 4."""
    also = [_SAVE(**persona, additional_fields=None)]
    return steps.complete(database, user_id, PERSONA, data, validation_errors, also, if_match=if_match)


def save_draft(database: Database, user_id: str, persona: SavedPersona) -> None:
    """Keep a persona without finishing step 4."""
    _write_draft(database, user_id, [_SAVE_DRAFT(**persona), persona_fits()])


def save_generated(database: Database, user_id: str, persona: SavedPersona, task_id: str | None) -> None:
    """Keep a persona that the AI backend wrote, as a draft; nothing happens if the task's persona was kept before."""
    # What was paid for is stored even where all requests together made the persona too large.
    _write_draft(database, user_id, [_SAVE_GENERATED(**persona, generated_by=task_id)])


def _write_draft(database: Database, user_id: str, saved: list[Bound[Any]]) -> None:
    event = _EVENT_SAVED(**event_values("persona.saved", PERSONA))
    statements = [*sessions.ensured(), steps.begun(PERSONA), *saved, within_quota(), event]
    database.write(user_id, statements)


def read(database: Database, user_id: str) -> Persona | None:
    """The persona, if there is one."""
    rows = database.read(user_id, _READ())
    return rows[0] if rows else None
