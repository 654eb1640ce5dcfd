"""Conditions that a write has to meet, checked by Postgres in the write's own transaction.

A guard is a statement in the list of a write. Where its condition does not hold, it fails with an SQLSTATE of its own;
Postgres skips the statements after it and rolls back, and the caller gets the error that belongs to the SQLSTATE.
"""

from collections.abc import Callable, Collection
from typing import Any

from lib.db.bound import Bound
from lib.db.compiled import statement
from lib.errors import AlreadyReceived, Incomplete, OnboardingError, Unauthenticated, Unavailable, VersionMismatch
from lib.steps.api_keys import key_was_replaced, missing_ai_key
from lib.steps.definitions import Flow, StepDefinition
from lib.steps.limits import (
    MAX_ROW_BYTES,
    MAX_STORED_BYTES,
    MAX_WEBSITES,
    too_large,
    too_many_websites,
    too_much_stored,
)

ACCOUNT_ERASED = "OB001"
NO_KEY = "OB002"
OTHER_VERSION = "OB003"
INCOMPLETE = "OB004"
DELIVERY_SEEN = "OB005"
KEY_REPLACED = "OB006"
TOO_MANY_WEBSITES = "OB007"
TOO_MUCH_STORED = "OB008"
ANALYSIS_TOO_LARGE = "OB009"
PERSONA_TOO_LARGE = "OB011"
TOO_LATE = "OB010"
"""The write got its turn after the moment at which its caller was given up on (`lib.db.engine`)."""

_REFUSALS: dict[str, Callable[[], OnboardingError]] = {
    ACCOUNT_ERASED: lambda: Unauthenticated("This account was deleted."),
    NO_KEY: missing_ai_key,
    TOO_LATE: lambda: Unavailable("The database took too long. Please try again in a moment.", "database: too late"),
    OTHER_VERSION: VersionMismatch,
    INCOMPLETE: lambda: Incomplete("Onboarding cannot be completed yet."),
    DELIVERY_SEEN: AlreadyReceived,
    KEY_REPLACED: key_was_replaced,
    TOO_MANY_WEBSITES: too_many_websites,
    TOO_MUCH_STORED: too_much_stored,
    ANALYSIS_TOO_LARGE: lambda: too_large("analysis"),
    PERSONA_TOO_LARGE: lambda: too_large("persona"),
}

_account = statement("guards.account")
_key_of = statement("guards.key_of")
_delivery = statement("guards.delivery")
_version_is = statement("guards.version_is")
_may_finish = statement("guards.may_finish")
_still_has_key = statement("guards.still_has_key")
_has_room_for_website = statement("guards.has_room_for_website")
_small_analysis = statement("guards.small_analysis")
_small_persona = statement("guards.small_persona")
_within_quota = statement("guards.within_quota")


def refusal(sqlstate: str | None) -> OnboardingError | None:
    """The error of a guard that failed with this SQLSTATE; None where it is not a guard's."""
    make = _REFUSALS.get(sqlstate or "")
    return make() if make else None


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


def delivery_is_new(delivery_id: str) -> Bound[Any]:
    """Refuses with `AlreadyReceived` where this delivery about the user is remembered."""
    return _delivery(delivery_id=delivery_id)


def still_has_key(provider: str, encrypted_key: bytes) -> Bound[Any]:
    """Refuses with `InvalidData` where the provider's key was replaced or deleted after this ciphertext was read."""
    return _still_has_key(provider=provider, encrypted_key=encrypted_key)


def has_room_for_website(website_url: str) -> Bound[Any]:
    """Refuses with `LimitReached` where this URL would be one website too many. A business without one is none."""
    return _has_room_for_website(website_url=website_url, most=MAX_WEBSITES)


def analysis_fits(analysis_id: int) -> Bound[Any]:
    """After an edit: refuses with `PayloadTooLarge` where the analysis has become too large to be shown."""
    return _small_analysis(id=analysis_id, most=MAX_ROW_BYTES)


def persona_fits() -> Bound[Any]:
    """After a change: refuses with `PayloadTooLarge` where the persona has become too large to be shown."""
    return _small_persona(most=MAX_ROW_BYTES)


def within_quota() -> Bound[Any]:
    """After a change: refuses with `LimitReached` where the user has stored more than one user may."""
    return _within_quota(most=MAX_STORED_BYTES)
