"""Step 4's table: one persona a user, saved by the step or as a draft."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Integer, Text, bindparam, case, exists, func, select, update
from sqlalchemy.dialects.postgresql import array

from lib.db import sessions, steps
from lib.db.database import Database
from lib.db.events import event_values, recorded
from lib.db.guards import persona_fits, text_bytes_of, within_quota
from lib.db.statements import USER, Bound, Query, Statement, parameter, upsert
from lib.db.tables import persona_data
from lib.steps.definitions import PERSONA
from lib.steps.fields import SAVED_PERSONA_FIELDS, PersonaFields, SavedPersona, names_of
from lib.steps.limits import MAX_ROW_BYTES
from lib.steps.progress import Progress

_persona = persona_data.c


class Persona(SavedPersona):
    """A persona and when it was last saved."""

    updated_at: datetime


MOST_REMEMBERED_TASKS = 200

_TASKS = ["generated_by", "stored_tasks"]
_SAVE = Statement(upsert(persona_data, SAVED_PERSONA_FIELDS, [_persona.user_id], untouched=_TASKS))
# A field that a draft leaves out stays as it was.
_SAVE_DRAFT = Statement(
    upsert(
        persona_data,
        SAVED_PERSONA_FIELDS,
        [_persona.user_id],
        keep_if_null=SAVED_PERSONA_FIELDS,
        untouched=_TASKS,
    )
)
_task = parameter(persona_data, "generated_by")
_digest = func.md5(_task)
_tasks_with_this = func.array_prepend(_digest, _persona.stored_tasks, type_=ARRAY(Text))[1:MOST_REMEMBERED_TASKS]
# The previous release remembers one task, and not among the others.
_is_new = _persona.generated_by.is_distinct_from(_task) & func.array_position(_persona.stored_tasks, _digest).is_(None)
# A task that was stored before is not stored again: the person may have edited the persona since.
_SAVE_GENERATED = Statement(
    upsert(
        persona_data,
        [*SAVED_PERSONA_FIELDS, "generated_by"],
        [_persona.user_id],
        computed={"stored_tasks": case((_task.is_not(None), array([_digest])))},
        keep_if_null=[*SAVED_PERSONA_FIELDS, "generated_by"],
        updated={"stored_tasks": case((_task.is_(None), _persona.stored_tasks), else_=_tasks_with_this)},
        only_if=_task.is_(None) | _is_new,
    )
)
# What a task had given before is not stored again.
_EVENT_SAVED = recorded(exists().where(_persona.user_id == USER, _persona.updated_at == func.now()))
# What was paid for is stored even where all requests together made the persona too large, in place of the rest.
_KEEP_GENERATED_ALONE = Statement(
    update(persona_data)
    .where(_persona.user_id == USER, text_bytes_of(persona_data) > bindparam("most", type_=Integer))
    .values({name: parameter(persona_data, name) for name in SAVED_PERSONA_FIELDS})
)
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
