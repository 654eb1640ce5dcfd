"""Business information: what a person without a website tells, which finishes step 2."""

from hashlib import sha256
from typing import TYPE_CHECKING, cast

from lib.db import business_info
from lib.db.business_info import BusinessInfo as Stored
from lib.errors import NotFound
from lib.http.app import Call, Route
from lib.http.rendering import time_text
from lib.http.step_routes import log_saved
from lib.steps.fields import SavedBusiness

if TYPE_CHECKING:
    from lib.http.answers import BusinessInfo


def save(call: Call) -> "BusinessInfo":
    """Store the caller's information, in place of what was there."""
    saved = business_info.save(call.database, call.user.id, _fields(call))
    log_saved(call, "Business information")
    return _document(saved)


def replace(call: Call) -> "BusinessInfo":
    """Replace the caller's information, if it has the id in the URL."""
    _check_id(call)
    replaced = _document(business_info.replace(call.database, call.user.id, _fields(call)))
    log_saved(call, "Business information")
    return replaced


def by_id(call: Call) -> "BusinessInfo":
    """The caller's information, if it has the id in the URL."""
    _check_id(call)
    return own(call)


def own(call: Call) -> "BusinessInfo":
    """The caller's information, whomever the URL names."""
    return _document(business_info.read(call.database, call.user.id))


def _fields(call: Call) -> SavedBusiness:
    # Here and not above: pydantic is a sixth of a cold start, and reads need none.
    from lib.steps.business_info import business_fields

    return business_fields(call.body())


def _document(stored: Stored | None) -> "BusinessInfo":
    if stored is None:
        raise _not_found()
    named: BusinessInfo = {
        "id": id_of(stored["user_id"]),
        "user_id": stored["user_id"],
        "business_description": stored["business_description"],
        "industry": stored["industry"],
        "target_audience": stored["target_audience"],
        "business_goals": stored["business_goals"],
        "created_at": time_text(stored["created_at"]),
        "updated_at": time_text(stored["updated_at"]),
    }
    # A type of named members cannot tell of those that a page sent besides.
    return cast("BusinessInfo", {**(stored["additional_fields"] or {}), **named})


def _check_id(call: Call) -> None:
    if call.parameters["id"] != str(id_of(call.user.id)):
        raise _not_found()


def id_of(user_id: str) -> int:
    """The number that the page knows the user's information by, exact in JavaScript. It tells nothing of others."""
    return int.from_bytes(sha256(user_id.encode()).digest()[:6])


def _not_found() -> NotFound:
    return NotFound("There is no such business information.")


ROUTES = [
    Route(method, f"{base}/business-info{rest}", handler)
    for base in ("/api/onboarding", "/onboarding")  # the page leaves /api out
    for method, rest, handler in (
        ("POST", "", save),
        ("GET", "/{id}", by_id),
        ("PUT", "/{id}", replace),
        ("GET", "/user/{user}", own),
    )
]
