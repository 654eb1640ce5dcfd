"""The end of an account: its rows go, and a tombstone keeps a token that outlives it from writing new ones."""

from datetime import timedelta
from typing import TypedDict

from sqlalchemy import Interval, cast, delete, func, select, true
from sqlalchemy.dialects.postgresql import insert

from lib.db.database import Database
from lib.db.guards import delivery_is_new
from lib.db.sql.guards import USER_HASH
from lib.db.statements import USER, Query, Statement, parameter
from lib.db.tables import erased_users, onboarding_sessions, webhook_deliveries

REMEMBERED_FOR = timedelta(minutes=15)
"""Ten minutes are what Svix's tolerance leaves to a replay; the rest is for clocks that differ."""


class _DeletedSession(TypedDict):
    id: int


_FORGET_OLD_DELIVERIES = Statement(
    delete(webhook_deliveries).where(webhook_deliveries.c.received_at < func.now() - cast(REMEMBERED_FOR, Interval))
)
_REMEMBER_DELIVERY = Statement(
    insert(webhook_deliveries)
    .inline()
    .values(user_hash=USER_HASH, delivery_id=parameter(webhook_deliveries, "delivery_id"))
)
# Citus locks a table that has a copy on every node against all other writes for an ON CONFLICT, and lets only those do
# so who may change its rows. Tombstones are all alike, in whatever order they arrive at the copies.
_IN_ANY_ORDER = Statement(select(func.set_config("citus.all_modifications_commutative", "on", true())))
_MARK_ERASED = Statement(insert(erased_users).inline().values(user_hash=USER_HASH).on_conflict_do_nothing())
_ERASE = Query(
    delete(onboarding_sessions).where(onboarding_sessions.c.user_id == USER).returning(onboarding_sessions.c.id),
    _DeletedSession,
)


def delete_for_good(database: Database, user_id: str, delivery_id: str) -> bool:
    """Erase everything of a user for good; children go with the session. Whether there was anything.

    Raises `AlreadyReceived` where that delivery of the webhook was acted upon in the last minutes.
    """
    statements = [
        _FORGET_OLD_DELIVERIES(),
        delivery_is_new(delivery_id),
        _REMEMBER_DELIVERY(delivery_id=delivery_id),
        _IN_ANY_ORDER(),
        _MARK_ERASED(),
    ]
    return bool(database.write_and_read(user_id, statements, _ERASE()))
