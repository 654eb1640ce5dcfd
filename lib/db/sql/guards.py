"""The statements of `lib.db.guards`."""

import operator
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, array

from lib.db.guards import (
    ACCOUNT_ERASED,
    ANALYSIS_TOO_LARGE,
    DELIVERY_SEEN,
    INCOMPLETE,
    KEY_REPLACED,
    NO_KEY,
    OTHER_VERSION,
    PERSONA_TOO_LARGE,
    TOO_MANY_WEBSITES,
    TOO_MUCH_STORED,
)
from lib.db.statements import USER, WRITE_SEED, Statement, parameter
from lib.db.tables import (
    api_keys,
    erased_users,
    metadata,
    onboarding_sessions,
    onboarding_steps,
    persona_data,
    webhook_deliveries,
    website_analyses,
)
from lib.steps.definitions import FINISHED_STATUSES

USER_HASH = func.encode(func.sha256(func.convert_to(USER, literal_column("'UTF8'"))), literal_column("'hex'"))
"""How a deleted account is remembered: SHA-256 of the user id in hex."""

_ZERO: ColumnElement[int] = literal_column("0")


def _guard(condition: ColumnElement[bool], sqlstate: str) -> Statement:
    return Statement(select(func.onboarding_require(condition, sqlstate)))


# One row, for which Postgres reads nothing. A cluster asks the server that has the user's rows for it.
_here = select(func.count()).where(onboarding_sessions.c.user_id == USER).subquery("here")


def _guard_at_rows(condition: ColumnElement[bool], sqlstate: str) -> Statement:
    """As `_guard`, of a table that every server of a cluster has a copy of: of the copy beside the user's rows.

    A transaction ends at one server after the other. The user's lock is let go, and this copy is changed, at one
    moment; another copy may be changed a little later.
    """
    return Statement(select(func.onboarding_require(condition, sqlstate)).select_from(_here))


account = _guard_at_rows(~exists().where(erased_users.c.user_hash == USER_HASH), ACCOUNT_ERASED)
key_of = _guard(
    exists().where(
        api_keys.c.user_id == USER, api_keys.c.provider == func.any(bindparam("providers", type_=ARRAY(String)))
    ),
    NO_KEY,
)
delivery = _guard_at_rows(
    ~exists().where(
        webhook_deliveries.c.user_hash == USER_HASH,
        webhook_deliveries.c.delivery_id == parameter(webhook_deliveries, "delivery_id"),
    ),
    DELIVERY_SEEN,
)

_step = onboarding_steps.c
_is_step = (_step.user_id == USER) & (_step.step_key == parameter(onboarding_steps, "step_key"))
_version = select(_step.version).where(_is_step).scalar_subquery()
# A list that is run again after a lost connection may find its own work, which is no change by somebody else.
_is_own_work = exists().where(_is_step, _step.written_by == WRITE_SEED)
version_is = _guard(
    (func.coalesce(_version, literal(0)) == func.any(bindparam("versions", type_=ARRAY(BigInteger)))) | _is_own_work,
    OTHER_VERSION,
)

IS_FINISHED_STEP = (_step.user_id == USER) & (_step.status == func.any(array(FINISHED_STATUSES)))
_required = bindparam("required", type_=ARRAY(String))
HAS_WHAT_IS_REQUIRED = (exists().where(api_keys.c.user_id == USER) | ~bindparam("needs_key", type_=Boolean)) & (
    select(func.count()).where(IS_FINISHED_STEP, _step.step_key == func.any(_required)).scalar_subquery()
    == func.cardinality(_required)
)
"""Whether the flow's required steps are finished, and a key is stored where it needs one (see `required_by`)."""
_is_completed = exists().where(onboarding_sessions.c.user_id == USER, onboarding_sessions.c.completed_at.is_not(None))
may_finish = _guard(_is_completed | HAS_WHAT_IS_REQUIRED, INCOMPLETE)

# A ciphertext is bound to its user, so it is nobody else's.
still_has_key = _guard(
    exists().where(
        api_keys.c.provider == parameter(api_keys, "provider"),
        api_keys.c.encrypted_key == parameter(api_keys, "encrypted_key"),
    ),
    KEY_REPLACED,
)

_analysis = website_analyses.c
_most = bindparam("most", type_=Integer)
_url = bindparam("website_url", type_=Text)
has_room_for_website = _guard(
    (_url == "")
    | exists().where(_analysis.user_id == USER, func.md5(_analysis.website_url) == func.md5(_url))
    | (select(func.count()).where(_analysis.user_id == USER, _analysis.website_url != "").scalar_subquery() < _most),
    TOO_MANY_WEBSITES,
)


def _bytes_of(table: Table, size: Callable[[ColumnElement[Any]], ColumnElement[Any]]) -> ColumnElement[Any]:
    """The sizes of a row's JSON values and ciphertext together."""
    large = [column for column in table.c if isinstance(column.type, JSON | JSONB | LargeBinary)]
    return _sum_of(func.coalesce(size(column), _ZERO) for column in large)


def _sum_of(sizes: Iterable[ColumnElement[Any]]) -> ColumnElement[Any]:
    return reduce(operator.add, sizes)


def _as_text(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.octet_length(cast(column, Text))


def text_bytes_of(table: Table) -> ColumnElement[Any]:
    """The size of a row's JSON values as text."""
    return _bytes_of(table, _as_text)


small_analysis = _guard(
    ~exists().where(
        _analysis.user_id == USER,
        _analysis.id == parameter(website_analyses, "id"),
        text_bytes_of(website_analyses) > _most,
    ),
    ANALYSIS_TOO_LARGE,
)
small_persona = _guard(
    ~exists().where(persona_data.c.user_id == USER, text_bytes_of(persona_data) > _most),
    PERSONA_TOO_LARGE,
)

# pg_column_size tells what a value takes on disk without reading it: all of a user's rows are looked at, not their
# payloads.
_measured = [
    table for table in metadata.sorted_tables if "user_id" in table.c and any(isinstance(c.type, JSON) for c in table.c)
]
_stored = _sum_of(
    func.coalesce(
        select(func.sum(_bytes_of(table, func.pg_column_size))).where(table.c.user_id == USER).scalar_subquery(), _ZERO
    )
    for table in _measured
)
within_quota = _guard(_stored <= _most, TOO_MUCH_STORED)
