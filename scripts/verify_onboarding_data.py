"""Shows an operator what is stored of a user, with keys masked, and what is missing for the onboarding's completion.

Reads the database of DATABASE_URL_UNPOOLED or DATABASE_URL. Without a user it counts the rows of all tables.
Exit code: 0 when steps 1 to 3 are there, 1 when something is missing, 2 when the user is unknown or the database
cannot be used.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.config import Settings
from lib.db.operators import UnusableURL, connect, postgres_url, reason_of
from lib.errors import Unavailable
from scripts.onboarding_data import Described, counts, erased_at, history, is_complete, schema, user
from scripts.onboarding_text import ago, lines

EXAMPLES = """examples:
  python scripts/verify_onboarding_data.py user_2KFMKQtQAh4oMSUAKckZqnWJv5i
  python scripts/verify_onboarding_data.py user_2KFMKQtQAh4oMSUAKckZqnWJv5i --json
  python scripts/verify_onboarding_data.py user_2KFMKQtQAh4oMSUAKckZqnWJv5i --history
  python scripts/verify_onboarding_data.py
"""
COMPLETE, MISSING, UNKNOWN = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what there is; the exit code is this module's docstring's."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("user_id", nargs="?", metavar="clerk_user_id", help="whose data; all tables' counts without it")
    parser.add_argument("--history", action="store_true", help="also what happened, the newest first")
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    options = parser.parse_args(arguments)
    try:
        described, code, erased = _examine(options.user_id, with_history=options.history)
    except (UnusableURL, Unavailable, psycopg.Error) as error:
        print(f"cannot verify: {reason_of(error)}", file=sys.stderr)
        return UNKNOWN
    if options.json:
        print(json.dumps(described, indent=1, ensure_ascii=False, default=str))
        return code
    now = datetime.now(UTC)
    for line in lines(described, now):
        print(line)
    if erased is not None:
        print(f"this account was erased {ago(erased, now)}, on {erased:%Y-%m-%d}: nothing of it is kept")
    return code


def _examine(user_id: str | None, *, with_history: bool) -> tuple[Described, int, datetime | None]:
    """Describe the database or a user; the exit code; and when the user's account was erased, if it was."""
    url = postgres_url(Settings(os.environ).direct_database_url)
    with connect(url, "verify_onboarding_data") as connection:
        connection.execute("SELECT set_config('timezone', 'UTC', true)")
        described: Described = {"database": str(url), "schema": schema(connection)}
        if not all(described["schema"]["tables"].values()):
            return described, MISSING, None
        if user_id is None:
            described["counts"] = counts(connection)
            return described, COMPLETE if is_complete(described["schema"]) else MISSING, None
        described["user"] = found = user(connection, url, user_id)
        if found is None:
            return described, UNKNOWN, erased_at(connection, user_id)
        if with_history:
            described["history"] = history(connection, user_id)
        return described, COMPLETE if found["complete"] else MISSING, None


if __name__ == "__main__":
    # What cannot be decrypted is said in its place. Here, and not where keys are read: a level lasts for the process.
    logging.getLogger("lib.db.encryption").setLevel(logging.CRITICAL)
    sys.exit(main())
