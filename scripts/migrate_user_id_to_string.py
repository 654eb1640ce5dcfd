"""Turns `onboarding_sessions.user_id` from INTEGER into VARCHAR(255), in place, on SQLite and on Postgres.

The database is backed up first (SQLite: a copy beside the file; Postgres: a backup table). Everything else happens in
one transaction: interrupted at any moment, the database is as it was. Running it again says there is nothing to do.
"""

import argparse
import sqlite3
import sys
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.db.causes import is_known
from lib.db.operators import PostgresURL, UnusableURL, one_line, reason_of
from migrations.legacy.arguments import file_problem
from migrations.legacy.retype_postgres import retype_postgres
from migrations.legacy.retype_sqlite import RetypeError, backup_path, retype_sqlite
from migrations.legacy.urls import SqliteURL, parse_url

EXAMPLES = """examples:
  python scripts/migrate_user_id_to_string.py sqlite:///alwrity.db
  python scripts/migrate_user_id_to_string.py postgresql://user:password@host/alwrity
"""


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 when done or nothing to do, 1 when the database refused, 2 when the URL cannot be used."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("database_url", metavar="DATABASE_URL", help="sqlite:///path or postgresql://…")
    try:
        return _migrate(parse_url(parser.parse_args(arguments).database_url))
    except UnusableURL as error:
        print(f"cannot use this database: {one_line(error)}", file=sys.stderr)
        return 2
    except (RetypeError, sqlite3.Error, psycopg.Error, OSError) as error:
        print(f"nothing was changed: {_reason(error)}", file=sys.stderr)
        return 1


def _migrate(url: SqliteURL | PostgresURL) -> int:
    if isinstance(url, SqliteURL):
        count, backup = retype_sqlite(url.path, _phase), str(backup_path(url.path))
    else:
        count, backup = retype_postgres(url, _phase)
    if count is None:
        print("nothing to do: onboarding_sessions.user_id is a string already")
    else:
        print(f"done: {count} sessions, user_id is VARCHAR(255); backup: {backup}")
    return 0


def _reason(error: Exception) -> str:
    if isinstance(error, psycopg.Error) and not is_known(error):
        return one_line(error)  # a view or a trigger that is in the way: Postgres names it
    return file_problem(error) if isinstance(error, OSError) else reason_of(error)


def _phase(name: str) -> None:
    print(f"{name} …", flush=True)


if __name__ == "__main__":
    sys.exit(main())
