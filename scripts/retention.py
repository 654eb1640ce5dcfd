"""Erases onboarding sessions that were begun, never completed, and not touched for a long time.

Without --erase it only counts and lists what would go: nothing is changed. A session is touched by whatever the user
stores: a step, a draft, a key. Completed ones always stay. All of the user's data goes with the session, keys included;
the account stays, and a user who comes back begins anew. A user who is back while this runs keeps everything.
Reads the database of DATABASE_URL_UNPOOLED or DATABASE_URL, with the login that ran the migrations.
Exit code: 0 when done, 1 when the database stopped it on the way, 2 when it cannot work.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

from psycopg.sql import SQL, Composed, Identifier

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.config import Settings
from lib.db.operators import (
    Connection,
    become_user,
    connect,
    postgres_url,
    take_role,
)
from lib.db.tables import metadata, onboarding_sessions
from scripts.ending import run_to_end

EXAMPLES = """examples:
  python scripts/retention.py --older-than 400d
  python scripts/retention.py --older-than 400d --erase
"""
SHORTEST_DAYS = 30
BATCH_USERS = 100
SHOWN = 10

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_TIME_LIMIT = "SELECT set_config('statement_timeout', '60s', true)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Count or erase; the exit code is this module's docstring's."""
    options = _parser().parse_args(arguments)
    return run_to_end(lambda: _examine(options), "examine sessions")


def _examine(options: argparse.Namespace) -> int:
    url = postgres_url(Settings(os.environ).direct_database_url)
    with connect(url, "retention") as connection:
        return _run(connection, datetime.now(UTC) - options.older_than, erases=options.erase)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--older-than", required=True, type=_days, metavar="DAYS", help="such as 400d; at least 30d")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--erase", action="store_true", help="erase them; without this nothing is changed")
    what.add_argument("--dry-run", action="store_true", help="only count and list them, which is the default")
    return parser


def _days(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,5})d", text)
    if match is None or int(match[1]) < SHORTEST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from {SHORTEST_DAYS}d on, such as 400d")
    return timedelta(days=int(match[1]))


def _run(connection: Connection, before: datetime, *, erases: bool) -> int:
    total, oldest = _count(connection, before)
    since = f", the oldest since {oldest:%Y-%m-%d}" if oldest else ""
    print(f"{total:,} sessions were never completed and not touched since {before:%Y-%m-%d}{since}.", flush=True)
    if not erases:
        for user, touched in _page(connection, before, "", SHOWN):
            print(f"  {user}, last touched {touched:%Y-%m-%d}")
        if total > SHOWN:
            print(f"  … and {total - SHOWN:,} more")
        print("Nothing was changed: add --erase to erase them.")
        return 0
    erased = 0
    for users in _batches(connection, before):
        erased += _erase(connection, users, before)
        print(f"{erased:,} of {total:,} erased …", flush=True)
    print(f"{erased:,} sessions erased, with all that hung on them.")
    return 0


def _count(connection: Connection, before: datetime) -> tuple[int, datetime | None]:
    query = SQL("SELECT count(*), min(updated_at) FROM onboarding_sessions WHERE {}").format(_abandoned())
    with connection.transaction():
        take_role(connection, "onboarding_operator")
        row = connection.execute(query, {"before": before}).fetchone()
    return row or (0, None)


def _batches(connection: Connection, before: datetime) -> Iterator[list[str]]:
    """Yield the users page by page, in the order of their ids: whoever is passed once is not met again."""
    last = ""
    while page := [user for user, _ in _page(connection, before, last, BATCH_USERS)]:
        yield page
        last = page[-1]


def _page(connection: Connection, before: datetime, last: str, limit: int) -> list[tuple[str, datetime]]:
    query = SQL(
        "SELECT user_id, updated_at FROM onboarding_sessions WHERE user_id > %(last)s AND {}"
        " ORDER BY user_id LIMIT %(limit)s"
    ).format(_abandoned())
    with connection.transaction():
        take_role(connection, "onboarding_operator")
        return connection.execute(query, {"before": before, "last": last, "limit": limit}).fetchall()


def _erase(connection: Connection, users: Sequence[str], before: datetime) -> int:
    """Erase a batch in one transaction and one round trip, each user under the lock that their requests wait for.

    The condition is examined again behind the lock: who has come back since stays.
    """
    delete = SQL("DELETE FROM onboarding_sessions WHERE user_id = %(user)s AND {}").format(_abandoned())
    deletions = []
    with connection.transaction(), connection.pipeline():
        connection.execute(_TIME_LIMIT)
        for user in users:
            become_user(connection, user)
            connection.execute(_LOCK, [user])
            deletions.append(connection.execute(delete, {"before": before, "user": user}))
        connection.execute("SELECT set_config('role', 'none', true)")
    return sum(deletion.rowcount for deletion in deletions)


def _abandoned() -> Composed:
    """The condition of a session that may go: neither it nor anything that hangs on it is as recent as `before`."""
    children = [table for table in metadata.tables.values() if {"session_id", "updated_at"} <= set(table.c.keys())]
    recent = SQL("").join(
        SQL(
            " AND NOT EXISTS (SELECT FROM {0} WHERE {0}.user_id = onboarding_sessions.user_id"
            " AND {0}.updated_at >= %(before)s)"
        ).format(Identifier(table.name))
        for table in children
        if table is not onboarding_sessions
    )
    untouched: LiteralString = "completed_at IS NULL AND updated_at < %(before)s"
    return SQL(untouched) + recent


if __name__ == "__main__":
    sys.exit(main())
