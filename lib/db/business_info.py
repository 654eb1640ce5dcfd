"""Business information: one row a user, which step 2 shows as its `businessData`."""

from datetime import datetime
from typing import Any

from sqlalchemy import case, exists, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import JSON, JSONB

from lib.db import sessions, steps
from lib.db.database import Database
from lib.db.events import event_values, happened, recorded
from lib.db.statements import USER, Bound, Query, Statement, parameter, upsert, with_members
from lib.db.tables import business_info, onboarding_steps
from lib.steps.definitions import WEBSITE
from lib.steps.fields import BUSINESS_FIELDS, SAVED_BUSINESS_FIELDS, BusinessFields, SavedBusiness, names_of

_business, _step = business_info.c, onboarding_steps.c
_NOTHING = literal_column("'{}'::jsonb", JSONB)


class BusinessInfo(SavedBusiness):
    """The stored row."""

    user_id: str
    created_at: datetime
    updated_at: datetime


_SAVE = Statement(upsert(business_info, SAVED_BUSINESS_FIELDS, [_business.user_id]))
# What else a step's payload has is kept with the step.
_SAVE_OF_STEP = Statement(upsert(business_info, BUSINESS_FIELDS, [_business.user_id], untouched=["additional_fields"]))

_is_own = _business.user_id == USER
_READ = Query(select(*(_business[name] for name in names_of(BusinessInfo))).where(_is_own), BusinessInfo)
_REPLACE = Statement(
    update(business_info)
    .where(_is_own)
    .values({name: parameter(business_info, name) for name in SAVED_BUSINESS_FIELDS} | {"updated_at": func.now()})
)

# What a page sent beside the four fields stays, whether with the step or with the information.
_sent = _step.data.op("->")(literal_column("'businessData'"))
_sent_object = case((func.json_typeof(_sent) == "object", _sent.cast(JSONB)), else_=_NOTHING)
_others = func.coalesce(_business.additional_fields, _NOTHING)
_fields = func.jsonb_build_object(*(part for name in BUSINESS_FIELDS for part in (name, _business[name])))
_members = _sent_object.op("||")(_others).op("||")(func.jsonb_strip_nulls(_fields))
_business_data = func.json_build_object(literal_column("'businessData'"), _members, type_=JSON)
_SHOW_IN_STEP = Statement(
    update(onboarding_steps)
    .where(_step.user_id == USER, _step.step_key == WEBSITE.key, _business.user_id == _step.user_id)
    .values(data=with_members(_step.data, _business_data))
)

_SHOW_REPLACED = steps.touched(WEBSITE, provided=exists().where(_is_own))
_EVENT_REPLACED = recorded(exists().where(_is_own))


def save(database: Database, user_id: str, business: SavedBusiness) -> BusinessInfo:
    """Store the information and finish step 2."""
    event = happened("business.saved", WEBSITE)
    statements = [*sessions.advanced(WEBSITE), *steps.finished(WEBSITE), _SAVE(**business), shown_in_step(), event]
    return database.write_and_read(user_id, statements, _READ())[0]


def replace(database: Database, user_id: str, business: SavedBusiness) -> BusinessInfo | None:
    """Replace the information; None where there is none yet."""
    event = _EVENT_REPLACED(**event_values("business.saved", WEBSITE))
    statements = [*sessions.changed(), _REPLACE(**business), shown_in_step(), _SHOW_REPLACED(), event]
    rows = database.write_and_read(user_id, statements, _READ())
    return rows[0] if rows else None


def saved(business: BusinessFields) -> Bound[Any]:
    """The statement that stores the information in step 2's payload; the session has to be there."""
    return _SAVE_OF_STEP(**business)


def shown_in_step() -> Bound[Any]:
    """The statement that puts the stored information, where there is any, into the data of step 2."""
    return _SHOW_IN_STEP()


def read(database: Database, user_id: str) -> BusinessInfo | None:
    """The information, if there is any."""
    rows = database.read(user_id, _READ())
    return rows[0] if rows else None
