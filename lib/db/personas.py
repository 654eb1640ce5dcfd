"""Step 4's table: one persona a user, saved by the step or as a draft."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from lib.db import sessions, steps
from lib.db.bound import Bound
from lib.db.compiled import query, statement
from lib.db.database import Database
from lib.db.events import event_values
from lib.db.guards import persona_fits, within_quota
from lib.steps.definitions import PERSONA
from lib.steps.fields import PersonaFields, SavedPersona
from lib.steps.limits import MAX_ROW_BYTES
from lib.steps.progress import Progress


class Persona(SavedPersona):
    """A persona and when it was last saved."""

    updated_at: datetime


_SAVE = statement("personas.SAVE")
_SAVE_DRAFT = statement("personas.SAVE_DRAFT")
_SAVE_GENERATED = statement("personas.SAVE_GENERATED")
_EVENT_SAVED = statement("personas.EVENT_SAVED")
_KEEP_GENERATED_ALONE = statement("personas.KEEP_GENERATED_ALONE")
_READ = query("personas.READ", Persona)


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
    saved = [
        _SAVE_GENERATED(**persona, generated_by=task_id),
        _KEEP_GENERATED_ALONE(**persona, most=MAX_ROW_BYTES),
    ]
    _write_draft(database, user_id, saved)


def _write_draft(database: Database, user_id: str, saved: list[Bound[Any]]) -> None:
    event = _EVENT_SAVED(**event_values("persona.saved", PERSONA))
    statements = [*sessions.ensured(), steps.begun(PERSONA), *saved, within_quota(), event]
    database.write(user_id, statements)


def read(database: Database, user_id: str) -> Persona | None:
    """The persona, if there is one."""
    rows = database.read(user_id, _READ())
    return rows[0] if rows else None
