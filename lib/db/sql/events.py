"""The statements of `lib.db.events`."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    bindparam,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import Insert, insert

from lib.db.events import EventRow
from lib.db.sql.guards import IS_FINISHED_STEP
from lib.db.statements import REQUEST_ID, USER, WRITE_SEED, Query, Statement, parameter
from lib.db.tables import onboarding_events, onboarding_sessions, onboarding_steps
from lib.steps.events import EventKind

_event, _session, _step = onboarding_events.c, onboarding_sessions.c, onboarding_steps.c
_COLUMNS = ("user_id", "session_id", "id", "at", "kind", "step_key", "request_id", "detail")


def recorded(condition: ColumnElement[bool]) -> Statement:
    """The statement that writes an event of a user who has a session, where `condition` holds.

    It is called with `event_values`, and with what the condition takes.
    """
    values = (
        parameter(onboarding_events, "kind"),
        bindparam("event_step", type_=_event.step_key.type),
        parameter(onboarding_events, "detail"),
    )
    salt = bindparam("event_salt", type_=BigInteger)
    return Statement(_insert(onboarding_sessions, salt, values, (_session.user_id == USER) & condition))


def session_made(upsert: Insert) -> Statement:
    """The upsert of a session, together with the event that it was begun, where it was not there before."""
    made = upsert.returning(_session.user_id, _session.id, _session.version).cte("made")
    kind: EventKind = "onboarding.started"
    values = (literal(kind), cast(null(), _event.step_key.type), cast(null(), _event.detail.type))
    return Statement(_insert(made, literal(0, BigInteger), values, made.c.version == 1))


def _insert(
    source: FromClause,
    salt: ColumnElement[int],
    values: tuple[ColumnElement[Any], ColumnElement[Any], ColumnElement[Any]],
    condition: ColumnElement[bool],
) -> Insert:
    kind, step_key, detail = values
    # The statement's own time, not the transaction's: it follows that of the write before it.
    session, at = source.c, func.statement_timestamp()
    row = select(session.user_id, session.id, WRITE_SEED + salt, at, kind, step_key, REQUEST_ID, detail)
    statement = insert(onboarding_events).inline().from_select(_COLUMNS, row.where(condition))
    return statement.on_conflict_do_nothing(index_elements=[_event.user_id, _event.id])


HAPPENED = recorded(true())
COMPLETED = recorded(_session.completed_at == func.now())
FINISHED = recorded(
    exists().where(
        IS_FINISHED_STEP,
        _step.step_key == parameter(onboarding_steps, "step_key"),
        # A transaction has one time: this one finished it.
        _step.completed_at == func.now(),
    )
)

_other, _before = onboarding_events.alias("before"), bindparam("before", type_=BigInteger)
_time_of_other = select(_other.c.at).where(_other.c.user_id == USER, _other.c.id == _before).scalar_subquery()
READ = Query(
    select(*(_event[name] for name in EventRow.__annotations__))
    .where(
        _event.user_id == USER,
        or_(_before.is_(null()), tuple_(_event.at, _event.id) < tuple_(_time_of_other, _before)),
    )
    .order_by(_event.at.desc(), _event.id.desc())
    .limit(bindparam("most", type_=Integer)),
    EventRow,
)
