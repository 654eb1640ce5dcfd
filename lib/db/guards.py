"""Conditions that a write has to meet, checked by Postgres in the write's own transaction.

A guard is a statement in the list of a write. Where its condition does not hold, it fails with an SQLSTATE of its own;
Postgres skips the statements after it and rolls back, and the caller gets the error that belongs to the SQLSTATE.
"""

import operator
from collections.abc import Callable, Collection, Iterable
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

from lib.db.statements import USER, WRITE_SEED, Bound, Statement, parameter
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
from lib.errors import AlreadyReceived, Incomplete, OnboardingError, Unauthenticated, Unavailable, VersionMismatch
from lib.steps.api_keys import key_was_replaced, missing_ai_key
from lib.steps.definitions import FINISHED_STATUSES, Flow, StepDefinition
from lib.steps.limits import (
    MAX_ROW_BYTES,
    MAX_STORED_BYTES,
    MAX_WEBSITES,
    too_large,
    too_many_websites,
    too_much_stored,
)

USER_HASH = func.encode(func.sha256(func.convert_to(USER, literal_column("'UTF8'"))), literal_column("'hex'"))
"""How a deleted account is remembered: SHA-256 of the user id in hex."""

_ACCOUNT_ERASED = "OB001"
_NO_KEY = "OB002"
_OTHER_VERSION = "OB003"
_INCOMPLETE = "OB004"
_DELIVERY_SEEN = "OB005"
_KEY_REPLACED = "OB006"
_TOO_MANY_WEBSITES = "OB007"
_TOO_MUCH_STORED = "OB008"
_ANALYSIS_TOO_LARGE = "OB009"
_PERSONA_TOO_LARGE = "OB011"
TOO_LATE = "OB010"
"""The write got its turn after the moment at which its caller was given up on (`lib.db.engine`)."""

_REFUSALS: dict[str, Callable[[], OnboardingError]] = {
    _ACCOUNT_ERASED: lambda: Unauthenticated("This account was deleted."),
    _NO_KEY: missing_ai_key,
    TOO_LATE: lambda: Unavailable("The database took too long. Please try again in a moment.", "database: too late"),
    _OTHER_VERSION: VersionMismatch,
    _INCOMPLETE: lambda: Incomplete("Onboarding cannot be completed yet."),
    _DELIVERY_SEEN: AlreadyReceived,
    _KEY_REPLACED: key_was_replaced,
    _TOO_MANY_WEBSITES: too_many_websites,
    _TOO_MUCH_STORED: too_much_stored,
    _ANALYSIS_TOO_LARGE: lambda: too_large("analysis"),
    _PERSONA_TOO_LARGE: lambda: too_large("persona"),
}


def refusal(sqlstate: str | None) -> OnboardingError | None:
    """The error of a guard that failed with this SQLSTATE; None where it is not a guard's."""
    make = _REFUSALS.get(sqlstate or "")
    return make() if make else None


_ZERO: ColumnElement[int] = literal_column("0")


def _guard(condition: ColumnElement[bool], sqlstate: str) -> Statement:
    return Statement(select(func.onboarding_require(condition, sqlstate)))


_account = _guard(~exists().where(erased_users.c.user_hash == USER_HASH), _ACCOUNT_ERASED)
_key_of = _guard(
    exists().where(
        api_keys.c.user_id == USER, api_keys.c.provider == func.any(bindparam("providers", type_=ARRAY(String)))
    ),
    _NO_KEY,
)
_delivery = _guard(
    ~exists().where(
        webhook_deliveries.c.user_hash == USER_HASH,
        webhook_deliveries.c.delivery_id == parameter(webhook_deliveries, "delivery_id"),
    ),
    _DELIVERY_SEEN,
)

_step = onboarding_steps.c
_is_step = (_step.user_id == USER) & (_step.step_key == parameter(onboarding_steps, "step_key"))
_version = select(_step.version).where(_is_step).scalar_subquery()
# A list that is run again after a lost connection may find its own work, which is no change by somebody else.
_is_own_work = exists().where(_is_step, _step.written_by == WRITE_SEED)
_version_is = _guard(
    (func.coalesce(_version, literal(0)) == func.any(bindparam("versions", type_=ARRAY(BigInteger)))) | _is_own_work,
    _OTHER_VERSION,
)

IS_FINISHED_STEP = (_step.user_id == USER) & (_step.status == func.any(array(FINISHED_STATUSES)))
_required = bindparam("required", type_=ARRAY(String))
HAS_WHAT_IS_REQUIRED = (exists().where(api_keys.c.user_id == USER) | ~bindparam("needs_key", type_=Boolean)) & (
    select(func.count()).where(IS_FINISHED_STEP, _step.step_key == func.any(_required)).scalar_subquery()
    == func.cardinality(_required)
)
"""Whether the flow's required steps are finished, and a key is stored where it needs one (see `required_by`)."""
_is_completed = exists().where(onboarding_sessions.c.user_id == USER, onboarding_sessions.c.completed_at.is_not(None))
_may_finish = _guard(_is_completed | HAS_WHAT_IS_REQUIRED, _INCOMPLETE)


def required_by(flow: Flow) -> dict[str, object]:
    """The values of the parameters of `HAS_WHAT_IS_REQUIRED`."""
    return {"required": [step.key for step in flow.required_before_last], "needs_key": flow.needs_ai_key}


# A ciphertext is bound to its user, so it is nobody else's.
_still_has_key = _guard(
    exists().where(
        api_keys.c.provider == parameter(api_keys, "provider"),
        api_keys.c.encrypted_key == parameter(api_keys, "encrypted_key"),
    ),
    _KEY_REPLACED,
)


def account_exists() -> Bound[Any]:
    """Refuses with `Unauthenticated` where the account was deleted."""
    return _account()


def has_key_of(providers: Collection[str]) -> Bound[Any]:
    """Refuses with `InvalidData` where no key of these providers is stored."""
    return _key_of(providers=providers)


def version_is(step: StepDefinition, versions: Collection[int] | None) -> list[Bound[Any]]:
    """Refuses with `VersionMismatch` where the step has none of these versions; None takes any."""
    return [] if versions is None else [_version_is(step_key=step.key, versions=versions)]


def may_finish(flow: Flow) -> Bound[Any]:
    """Refuses with `Incomplete` where something that the flow requires is missing."""
    return _may_finish(**required_by(flow))


def delivery_is_new(delivery_id: str) -> Bound[Any]:
    """Refuses with `AlreadyReceived` where this delivery about the user is remembered."""
    return _delivery(delivery_id=delivery_id)


def still_has_key(provider: str, encrypted_key: bytes) -> Bound[Any]:
    """Refuses with `InvalidData` where the provider's key was replaced or deleted after this ciphertext was read."""
    return _still_has_key(provider=provider, encrypted_key=encrypted_key)


_analysis = website_analyses.c
_most = bindparam("most", type_=Integer)
_url = bindparam("website_url", type_=Text)
_has_room_for_website = _guard(
    (_url == "")
    | exists().where(_analysis.user_id == USER, func.md5(_analysis.website_url) == func.md5(_url))
    | (select(func.count()).where(_analysis.user_id == USER, _analysis.website_url != "").scalar_subquery() < _most),
    _TOO_MANY_WEBSITES,
)


def has_room_for_website(website_url: str) -> Bound[Any]:
    """Refuses with `LimitReached` where this URL would be one website too many. A business without one is none."""
    return _has_room_for_website(website_url=website_url, most=MAX_WEBSITES)


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


_small_analysis = _guard(
    ~exists().where(
        _analysis.user_id == USER,
        _analysis.id == parameter(website_analyses, "id"),
        text_bytes_of(website_analyses) > _most,
    ),
    _ANALYSIS_TOO_LARGE,
)
_small_persona = _guard(
    ~exists().where(persona_data.c.user_id == USER, text_bytes_of(persona_data) > _most),
    _PERSONA_TOO_LARGE,
)


def analysis_fits(analysis_id: int) -> Bound[Any]:
    """After an edit: refuses with `PayloadTooLarge` where the analysis has become too large to be shown."""
    return _small_analysis(id=analysis_id, most=MAX_ROW_BYTES)


def persona_fits() -> Bound[Any]:
    """After a change: refuses with `PayloadTooLarge` where the persona has become too large to be shown."""
    return _small_persona(most=MAX_ROW_BYTES)


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
_within_quota = _guard(_stored <= _most, _TOO_MUCH_STORED)


def within_quota() -> Bound[Any]:
    """After a change: refuses with `LimitReached` where the user has stored more than one user may."""
    return _within_quota(most=MAX_STORED_BYTES)
