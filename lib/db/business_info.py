"""Business information: one row a user, which step 2 shows as its `businessData`."""

from datetime import datetime
from typing import Any

from lib.db import sessions, steps
from lib.db.bound import Bound
from lib.db.compiled import query, statement
from lib.db.database import Database
from lib.db.events import event_values, happened
from lib.steps.definitions import WEBSITE
from lib.steps.fields import BusinessFields, SavedBusiness


class BusinessInfo(SavedBusiness):
    """The stored row."""

    user_id: str
    created_at: datetime
    updated_at: datetime


_SAVE = statement("business_info.SAVE")
_SAVE_OF_STEP = statement("business_info.SAVE_OF_STEP")
_READ = query("business_info.READ", BusinessInfo)
_REPLACE = statement("business_info.REPLACE")
_SHOW_IN_STEP = statement("business_info.SHOW_IN_STEP")
_SHOW_REPLACED = statement("business_info.SHOW_REPLACED")
_EVENT_REPLACED = statement("business_info.EVENT_REPLACED")


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
