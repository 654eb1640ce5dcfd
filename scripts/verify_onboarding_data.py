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
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.config import Settings
from lib.db.operators import UnusableURL, connect, one_line, postgres_url
from lib.errors import Unavailable
from scripts.onboarding_data import Described, counts, is_complete, schema, user

EXAMPLES = """examples:
  python scripts/verify_onboarding_data.py user_2KFMKQtQAh4oMSUAKckZqnWJv5i
  python scripts/verify_onboarding_data.py user_2KFMKQtQAh4oMSUAKckZqnWJv5i --json
  python scripts/verify_onboarding_data.py
"""
COMPLETE, MISSING, UNKNOWN = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what there is; the exit code is this module's docstring's."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("user_id", nargs="?", metavar="clerk_user_id", help="whose data; all tables' counts without it")
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    options = parser.parse_args(arguments)
    try:
        described, code = _examine(options.user_id)
    except (UnusableURL, Unavailable, psycopg.Error) as error:
        reason = error.reason if isinstance(error, Unavailable) else one_line(error)
        print(f"cannot verify: {reason}", file=sys.stderr)
        return UNKNOWN
    print(
        json.dumps(described, indent=1, ensure_ascii=False, default=str)
        if options.json
        else "\n".join(_lines(described))
    )
    return code


def _examine(user_id: str | None) -> tuple[Described, int]:
    url = postgres_url(Settings(os.environ).direct_database_url)
    with connect(url, "verify_onboarding_data") as connection:
        connection.execute("SELECT set_config('timezone', 'UTC', true)")
        described: Described = {"database": str(url), "schema": schema(connection)}
        if not all(described["schema"]["tables"].values()):
            return described, MISSING
        if user_id is None:
            described["counts"] = counts(connection)
            return described, COMPLETE if is_complete(described["schema"]) else MISSING
        described["user"] = found = user(connection, url, user_id)
        if found is None:
            return described, UNKNOWN
        return described, COMPLETE if found["complete"] else MISSING


def _lines(described: Described) -> Iterator[str]:
    """Yield the description for a terminal."""
    tables = described["schema"]["tables"]
    revision, expected = (described["schema"][name] for name in ("revision", "expected_revision"))
    yield f"database: {described['database']}"
    yield f"schema: revision {revision or 'none'}" + ("" if revision == expected else f", the code expects {expected}")
    yield "tables: " + ", ".join(name if there else f"{name} (MISSING)" for name, there in tables.items())
    if "counts" in described:
        yield from (f"  {name}: {count} rows" for name, count in described["counts"]["rows"].items())
        yield f"users who completed: {described['counts']['completed_users']}"
    if "user" in described:
        yield from _user_lines(described["user"])


def _user_lines(found: Described | None) -> Iterator[str]:
    if found is None:
        yield "user: unknown"
        return
    yield f"user: {found['user_id']}"
    yield "session: " + _joined(found["session"])
    for step in found["steps"]:
        times = f" at {step['completed_at']}" if step["completed_at"] else ""
        required = "" if step["required"] else " (optional)"
        name = f"step {step['step_number']} {step['title']}{required}"
        yield f"{name}: {step['status']}{times}, {step['data_bytes']} bytes"
        yield from (f"    {_joined(row)}" for row in step["stored"])
    yield "missing for completion: " + (", ".join(found["missing"]) or "nothing")


def _joined(values: Described) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)


if __name__ == "__main__":
    # What cannot be decrypted is said in its place. Here, and not where keys are read: a level lasts for the process.
    logging.getLogger("lib.db.encryption").setLevel(logging.CRITICAL)
    sys.exit(main())
