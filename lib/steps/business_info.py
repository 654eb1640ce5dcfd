"""What a person without a website tells of the business: the other way to finish step 2."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import StringConstraints

from lib.steps.fields import BUSINESS_FIELDS, SavedBusiness
from lib.steps.limits import MAX_NOTES_BYTES, refuse_too_large
from lib.steps.validation import Payload, validated


class BusinessPayload(Payload):
    """The body of `POST …/business-info`. Lengths are in characters, without the white space around a text."""

    business_description: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=1000)]
    """What the business does, in 10 to 1000 characters."""
    industry: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] | None = None
    """The industry, in at most 100 characters."""
    target_audience: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] | None = None
    """Who the customers are, in at most 500 characters."""
    business_goals: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] | None = None
    """What the business wants to achieve, in at most 1000 characters."""


ADDED_FIELDS = ("id", "user_id", "created_at", "updated_at")
"""What an answer has beside what was sent. A page that sends an answer back does not mean to store them."""


def business_fields(body: Mapping[str, Any]) -> SavedBusiness:
    """Validate the body of `POST …/business-info`; give its fields, with what else was sent. Raises `InvalidData`."""
    payload = validated(BusinessPayload, body, "")
    refuse_too_large("business_info", body, MAX_NOTES_BYTES)
    known = {name: getattr(payload, name) for name in BUSINESS_FIELDS}
    others = {name: value for name, value in body.items() if name not in known and name not in ADDED_FIELDS}
    return cast(SavedBusiness, {**known, "additional_fields": others or None})
