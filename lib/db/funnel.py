"""Counts users by how far they got, in one statement as the role that reads every row.

Nothing here touches a payload. The steps' statuses come from an index alone; times are read for a bounded number of
users, by their key.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from sqlalchemy import (
    CTE,
    ColumnElement,
    DateTime,
    Subquery,
    bindparam,
    case,
    extract,
    func,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import array

from lib.db.bound import Bound
from lib.db.database import Database
from lib.db.statements import Query
from lib.db.tables import onboarding_sessions, onboarding_steps
from lib.steps.definitions import COMPLETED, FINISHED_STATUSES, IN_PROGRESS, PENDING, SKIPPED, STEPS
from lib.steps.funnel import STUCK_AFTER_DAYS, TIMED_USERS, Counts, Sessions, StepUsers

_session, _step = onboarding_sessions.c, onboarding_steps.c

# Imported rows without a time of their own have that of 1970; no real one is older than this.
_FIRST_REAL_TIME = literal(datetime(2000, 1, 1, tzinfo=UTC))
_SINCE: ColumnElement[Any] = bindparam("since", type_=DateTime(timezone=True))


class FunnelRow(TypedDict):
    """The four parts as JSON."""

    sessions: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    begun: list[dict[str, Any]]
    median_seconds: dict[str, float]


def read(database: Database, since: datetime | None) -> Counts:
    """Count the users who started at or after `since`, or all of them. Raises `Unavailable`."""
    return counts(database.read_as_operator(query(since))[0])


def query(since: datetime | None) -> Bound[FunnelRow]:
    """The statement that counts. It has to run as a role that may read every user's rows."""
    return _OF_ALL() if since is None else _SINCE_A_TIME(since=since)


def counts(row: Mapping[str, Any]) -> Counts:
    """The statement's row in the domain's terms."""
    return Counts(
        sessions=[Sessions(**one) for one in row["sessions"]],
        steps=[StepUsers(**one) for one in row["steps"]],
        begun=[StepUsers(**one) for one in row["begun"]],
        median_seconds=row["median_seconds"],
    )


def _listed(rows: Subquery) -> ColumnElement[Any]:
    every = select(func.json_agg(rows.table_valued())).select_from(rows).scalar_subquery()
    return func.coalesce(every, literal_column("'[]'::json"))


def _sessions(started: ColumnElement[bool]) -> Subquery:
    """Users by their furthest step."""
    is_open = _session.completed_at.is_(None)
    is_idle = _session.updated_at < func.now() - func.make_interval(0, 0, 0, STUCK_AFTER_DAYS)
    return (
        select(
            _session.furthest_step,
            (~is_open).label("is_completed"),
            func.count().label("users"),
            func.count().filter(is_open & is_idle).label("stuck"),
        )
        .where(started)
        .group_by(_session.furthest_step, ~is_open)
        .subquery("sessions")
    )


def _steps(started: ColumnElement[bool], *, everybody: bool) -> Subquery:
    """Users by step and status. Of everybody, an index that holds both is enough; the session's id is in it, too."""
    counted = onboarding_steps
    source = counted if everybody else counted.join(onboarding_sessions, _session.id == _step.session_id)
    return (
        select(_step.step_key, _step.status, func.count().label("users"))
        .select_from(source)
        .where(_step.status.in_([literal_column(f"'{one}'") for one in (COMPLETED, SKIPPED, IN_PROGRESS)]), started)
        .group_by(_step.step_key, _step.status)
        .subquery("steps")
    )


def _begun(started: ColumnElement[bool]) -> Subquery:
    """Users who are in the middle of a step, by step and furthest step."""
    return (
        select(_step.step_key, _step.status, _session.furthest_step, func.count().label("users"))
        .select_from(onboarding_steps.join(onboarding_sessions, _session.id == _step.session_id))
        .where(_step.status == literal_column(f"'{IN_PROGRESS}'"), _session.completed_at.is_(None), started)
        .group_by(_step.step_key, _step.status, _session.furthest_step)
        .subquery("begun")
    )


def _median_seconds(started: ColumnElement[bool]) -> ColumnElement[Any]:
    """The median time of each step, as an object by step key.

    A step's time begins when the user finished another step before it, else with the session; a reset, or the deletion
    of the last key, begins it anew. It counts where the user finished the steps in the order of the page up to this
    one, so that going back to a finished step spoils neither.
    """
    timed = _timed(_latest(started))
    rows = (
        select(timed.c.step_key, func.percentile_cont(0.5).within_group(timed.c.seconds).label("seconds"))
        .where(timed.c.place_in_time == timed.c.place_on_page, timed.c.status == COMPLETED, timed.c.seconds > 0)
        .group_by(timed.c.step_key)
        .subquery("medians")
    )
    medians = select(func.json_object_agg(rows.c.step_key, rows.c.seconds)).select_from(rows).scalar_subquery()
    return func.coalesce(medians, literal_column("'{}'::json"))


def _latest(started: ColumnElement[bool]) -> CTE:
    return (
        select(_session.user_id, _session.id, _session.started_at)
        .where(started, _session.started_at > _FIRST_REAL_TIME)
        .order_by(_session.started_at.desc())
        .limit(TIMED_USERS)
        .cte("latest")
    )


def _timed(latest: CTE) -> Subquery:
    is_finished = _step.status == func.any(array(FINISHED_STATUSES))
    finished_at = case((is_finished, _step.completed_at))
    pending_since = case((_step.status == PENDING, _step.updated_at)).label("pending_since")
    page = func.array_position(array([step.key for step in STEPS]), _step.step_key)
    # The array makes Postgres look each user up by key: joined alone, it would rather read the whole table.
    is_of_latest = _step.user_id == func.any(func.array(select(latest.c.user_id).scalar_subquery()))
    columns = (_step.session_id, _step.step_key, _step.status, page.label("page"), finished_at.label("finished_at"))
    steps = select(*columns, pending_since).where(is_of_latest).subquery("steps_of_users")
    own = (
        select(
            latest.c.id,
            latest.c.started_at,
            steps.c.step_key,
            steps.c.status,
            steps.c.page,
            steps.c.finished_at,
            func.max(steps.c.pending_since).over(partition_by=latest.c.id).label("begun_again_at"),
        )
        .select_from(latest.join(steps, steps.c.session_id == latest.c.id))
        .subquery("own")
    )
    user, time = own.c.id, own.c.finished_at
    previous = func.lag(time, 1, own.c.started_at).over(partition_by=user, order_by=time)
    again = case((own.c.begun_again_at < time, own.c.begun_again_at))
    return (
        select(
            own.c.step_key,
            own.c.status,
            extract("epoch", time - func.greatest(previous, again)).label("seconds"),
            func.row_number().over(partition_by=user, order_by=time).label("place_in_time"),
            func.row_number().over(partition_by=user, order_by=own.c.page).label("place_on_page"),
        )
        .where(time > _FIRST_REAL_TIME)
        .subquery("timed")
    )


def _query(started: ColumnElement[bool], *, everybody: bool) -> Query[FunnelRow]:
    parts = select(
        _listed(_sessions(started)).label("sessions"),
        _listed(_steps(started, everybody=everybody)).label("steps"),
        _listed(_begun(started)).label("begun"),
        _median_seconds(started).label("median_seconds"),
    )
    return Query(parts, FunnelRow)


_OF_ALL = _query(true(), everybody=True)
_SINCE_A_TIME = _query(_session.started_at >= _SINCE, everybody=False)
