"""Conditions that a write has to meet, checked by Postgres in the write's own transaction.

A guard is a statement in the list of a write. Where its condition does not hold, it fails with an SQLSTATE of its own;
Postgres skips the statements after it and rolls back, and the caller gets the error that belongs to the SQLSTATE.
"""

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, String, bindparam, exists, func, literal_column, select

from lib.db.statements import USER, Bound, Statement, parameter
from lib.db.tables import api_keys, erased_users
from lib.errors import OnboardingError, Unauthenticated
from lib.steps.api_keys import key_was_replaced, missing_ai_key

USER_HASH = func.encode(func.sha256(func.convert_to(USER, literal_column("'UTF8'"))), literal_column("'hex'"))
"""How a deleted account is remembered: SHA-256 of the user id in hex."""

_ACCOUNT_ERASED = "OB001"
_NO_KEY = "OB002"
_KEY_REPLACED = "OB003"

_REFUSALS: dict[str, Callable[[], OnboardingError]] = {
    _ACCOUNT_ERASED: lambda: Unauthenticated("This account was deleted."),
    _NO_KEY: missing_ai_key,
    _KEY_REPLACED: key_was_replaced,
}


def refusal(sqlstate: str | None) -> OnboardingError | None:
    """The error of a guard that failed with this SQLSTATE; None where it is not a guard's."""
    make = _REFUSALS.get(sqlstate or "")
    return make() if make else None


def _guard(condition: ColumnElement[bool], sqlstate: str) -> Statement:
    return Statement(select(func.onboarding_require(condition, sqlstate)))


_account = _guard(~exists().where(erased_users.c.user_hash == USER_HASH), _ACCOUNT_ERASED)
_key_of = _guard(
    exists().where(
        api_keys.c.user_id == USER, api_keys.c.provider == func.any(bindparam("providers", type_=ARRAY(String)))
    ),
    _NO_KEY,
)


_still_has_key = _guard(
    exists().where(
        api_keys.c.user_id == USER,
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
