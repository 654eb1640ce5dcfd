"""Conditions that a write has to meet, checked by Postgres in the write's own transaction.

A guard is a statement in the list of a write. Where its condition does not hold, it fails with an SQLSTATE of its own;
Postgres skips the statements after it and rolls back, and the caller gets the error that belongs to the SQLSTATE.
"""

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    String,
    bindparam,
    exists,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import array

from lib.db.statements import USER, Bound, Statement, parameter
from lib.db.tables import api_keys, erased_users, onboarding_sessions, onboarding_steps
from lib.errors import Incomplete, OnboardingError, Unauthenticated, VersionMismatch
from lib.steps.api_keys import missing_ai_key
from lib.steps.definitions import FINISHED_STATUSES, Flow, StepDefinition

USER_HASH = func.encode(func.sha256(func.convert_to(USER, literal_column("'UTF8'"))), literal_column("'hex'"))
"""How a deleted account is remembered: SHA-256 of the user id in hex."""

_ACCOUNT_ERASED = "OB001"
_NO_KEY = "OB002"
_OTHER_VERSION = "OB021"
_INCOMPLETE = "OB022"

_REFUSALS: dict[str, Callable[[], OnboardingError]] = {
    _ACCOUNT_ERASED: lambda: Unauthenticated("This account was deleted."),
    _NO_KEY: missing_ai_key,
    _OTHER_VERSION: VersionMismatch,
    _INCOMPLETE: lambda: Incomplete("Onboarding cannot be completed yet."),
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

_step = onboarding_steps.c
_version = (
    select(_step.version)
    .where(_step.user_id == USER, _step.step_key == parameter(onboarding_steps, "step_key"))
    .scalar_subquery()
)
_version_is = _guard(
    func.coalesce(_version, literal(0)) == func.any(bindparam("versions", type_=ARRAY(BigInteger))), _OTHER_VERSION
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
