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
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from lib.db.statements import USER, Bound, Statement, parameter
from lib.db.tables import api_keys, erased_users, metadata, persona_data, website_analyses
from lib.errors import OnboardingError, Unauthenticated
from lib.steps.api_keys import key_was_replaced, missing_ai_key
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
_KEY_REPLACED = "OB003"
_TOO_MANY_WEBSITES = "OB004"
_TOO_MUCH_STORED = "OB005"
_ANALYSIS_TOO_LARGE = "OB006"
_PERSONA_TOO_LARGE = "OB007"

_REFUSALS: dict[str, Callable[[], OnboardingError]] = {
    _ACCOUNT_ERASED: lambda: Unauthenticated("This account was deleted."),
    _NO_KEY: missing_ai_key,
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


_small_analysis = _guard(
    ~exists().where(
        _analysis.user_id == USER,
        _analysis.id == parameter(website_analyses, "id"),
        _bytes_of(website_analyses, _as_text) > _most,
    ),
    _ANALYSIS_TOO_LARGE,
)
_small_persona = _guard(
    ~exists().where(persona_data.c.user_id == USER, _bytes_of(persona_data, _as_text) > _most),
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
