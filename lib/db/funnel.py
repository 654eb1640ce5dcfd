"""Counts users by how far they got, in one statement as the role that reads every row.

Nothing here touches a payload. The steps' statuses come from an index alone; times are read for a bounded number of
users, by their key.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, TypedDict

from sqlalchemy import (
    CTE,
    ColumnElement,
    DateTime,
    FromClause,
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
    return counts(database.read_as_operator(query(since), partial(query, since, of_cluster=True))[0])


def query(since: datetime | None, *, of_cluster: bool = False) -> Bound[FunnelRow]:
    """The statement that counts. It has to run as a role that may read every user's rows.

    On a cluster, that of one server fails; that `of_cluster` gives the same everywhere, and reads every step's row.
    """
    if since is None:
        return _query(everybody=True, of_cluster=of_cluster)()
    return _query(everybody=False, of_cluster=of_cluster)(since=since)


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


def _of_session(*, of_cluster: bool) -> ColumnElement[bool]:
    """How a step meets its session: by what an index alone tells, or also by what brought both to one server."""
    by_id = _session.id == _step.session_id
    return by_id & (_session.user_id == _step.user_id) if of_cluster else by_id


def _steps(started: ColumnElement[bool], *, everybody: bool, of_cluster: bool) -> Subquery:
    """Users by step and status. Of everybody, an index that holds both is enough; the session's id is in it, too."""
    counted = onboarding_steps
    source = counted if everybody else counted.join(onboarding_sessions, _of_session(of_cluster=of_cluster))
    return (
        select(_step.step_key, _step.status, func.count().label("users"))
        .select_from(source)
        .where(_step.status.in_([literal_column(f"'{one}'") for one in (COMPLETED, SKIPPED, IN_PROGRESS)]), started)
        .group_by(_step.step_key, _step.status)
        .subquery("steps")
    )


def _begun(started: ColumnElement[bool], *, of_cluster: bool) -> Subquery:
    """Users who are in the middle of a step, by step and furthest step."""
    return (
        select(_step.step_key, _step.status, _session.furthest_step, func.count().label("users"))
        .select_from(onboarding_steps.join(onboarding_sessions, _of_session(of_cluster=of_cluster)))
        .where(_step.status == literal_column(f"'{IN_PROGRESS}'"), _session.completed_at.is_(None), started)
        .group_by(_step.step_key, _step.status, _session.furthest_step)
        .subquery("begun")
    )


def _median_seconds(started: ColumnElement[bool], *, of_cluster: bool) -> ColumnElement[Any]:
    """The median time of each step, as an object by step key.

    A step's time begins when the user finished another step before it, else with the session; a reset, or the deletion
    of the last key, begins it anew. It counts where the user finished the steps in the order of the page up to this
    one, so that going back to a finished step spoils neither.
    """
    timed = _timed(_own_of_cluster(started) if of_cluster else _own(_latest(started)))
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


def _own(latest: CTE) -> Subquery:
    """Every step of the latest users, with what times tell of it. `id` tells users apart."""
    # The array makes Postgres look each user up by key: joined alone, it would rather read the whole table.
    is_of_latest = _step.user_id == func.any(func.array(select(latest.c.user_id).scalar_subquery()))
    steps = select(_step.session_id, *_times()).where(is_of_latest).subquery("steps_of_users")
    joined = latest.join(steps, steps.c.session_id == latest.c.id)
    return _begun_again(joined, latest.c.id, latest.c.started_at, steps)


def _own_of_cluster(started: ColumnElement[bool]) -> Subquery:
    """As `_own`. Each server joins and orders its own users' steps; all that it is told is when the latest began."""
    since = select(func.min(_latest(started).c.started_at)).scalar_subquery()
    steps = select(_step.user_id, _step.session_id, *_times()).subquery("steps_of_users")
    is_own = (steps.c.user_id == _session.user_id) & (steps.c.session_id == _session.id)
    joined = onboarding_sessions.join(steps, is_own & started & (_session.started_at >= since))
    return _begun_again(joined, _session.user_id, _session.started_at, steps)


def _times() -> tuple[ColumnElement[Any], ...]:
    is_finished = _step.status == func.any(array(FINISHED_STATUSES))
    finished_at = case((is_finished, _step.completed_at))
    pending_since = case((_step.status == PENDING, _step.updated_at)).label("pending_since")
    page = func.array_position(array([step.key for step in STEPS]), _step.step_key)
    return _step.step_key, _step.status, page.label("page"), finished_at.label("finished_at"), pending_since


def _begun_again(
    joined: FromClause,
    user: ColumnElement[Any],
    started_at: ColumnElement[Any],
    steps: Subquery,
) -> Subquery:
    return (
        select(
            user.label("id"),
            started_at.label("started_at"),
            steps.c.step_key,
            steps.c.status,
            steps.c.page,
            steps.c.finished_at,
            func.max(steps.c.pending_since).over(partition_by=user).label("begun_again_at"),
        )
        .select_from(joined)
        .subquery("own")
    )


def _timed(own: Subquery) -> Subquery:
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


@cache
def _query(*, everybody: bool, of_cluster: bool) -> Query[FunnelRow]:
    started = true() if everybody else _session.started_at >= _SINCE
    parts = select(
        _listed(_sessions(started)).label("sessions"),
        _listed(_steps(started, everybody=everybody, of_cluster=of_cluster)).label("steps"),
        _listed(_begun(started, of_cluster=of_cluster)).label("begun"),
        _median_seconds(started, of_cluster=of_cluster).label("median_seconds"),
    )
    return Query(parts, FunnelRow)
