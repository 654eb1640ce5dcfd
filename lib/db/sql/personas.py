"""The statements of `lib.db.personas`."""

from sqlalchemy import ARRAY, Integer, Text, bindparam, case, exists, func, select, update
from sqlalchemy.dialects.postgresql import array

from lib.db.personas import Persona
from lib.db.sql.events import recorded
from lib.db.sql.guards import text_bytes_of
from lib.db.statements import USER, Query, Statement, parameter, upsert
from lib.db.tables import persona_data
from lib.steps.fields import SAVED_PERSONA_FIELDS, names_of

_persona = persona_data.c

MOST_REMEMBERED_TASKS = 200

_TASKS = ["generated_by", "stored_tasks"]
SAVE = Statement(upsert(persona_data, SAVED_PERSONA_FIELDS, [_persona.user_id], untouched=_TASKS))
# A field that a draft leaves out stays as it was.
SAVE_DRAFT = Statement(
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
SAVE_GENERATED = Statement(
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
EVENT_SAVED = recorded(exists().where(_persona.user_id == USER, _persona.updated_at == func.now()))
# What was paid for is stored even where all requests together made the persona too large, in place of the rest.
KEEP_GENERATED_ALONE = Statement(
    update(persona_data)
    .where(_persona.user_id == USER, text_bytes_of(persona_data) > bindparam("most", type_=Integer))
    .values({name: parameter(persona_data, name) for name in SAVED_PERSONA_FIELDS})
)
READ = Query(select(*(_persona[name] for name in names_of(Persona))).where(_persona.user_id == USER), Persona)
