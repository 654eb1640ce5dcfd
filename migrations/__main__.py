"""Migrates the database of DATABASE_URL_UNPOOLED or DATABASE_URL: `alembic upgrade head`, then the old system's rows.

Both may be repeated, interrupted, and run twice at once. A failure is one line on standard error and exit code 1.
"""

import os
import subprocess
import sys
from pathlib import Path

import psycopg

from lib.config import Settings
from lib.db.operators import UnusableURL, connect, postgres_url, reason_of
from lib.db.readiness import check_migratable
from lib.errors import Unavailable

# Goes together with migrations/legacy, once no database of the old system is left.
from migrations.legacy.adoption import adopt_if_any, refuse_without_keys

ROOT = Path(__file__).resolve().parents[1]
ALEMBIC = (sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "upgrade", "head")


def main() -> int:
    """Migrate, and return the exit code."""
    try:
        return _migrate()
    except (Unavailable, UnusableURL, psycopg.Error) as error:
        print(f"Cannot migrate: {reason_of(error)}", file=sys.stderr)
        return 1


def _migrate() -> int:
    url = postgres_url(Settings(os.environ).direct_database_url)
    with connect(url, "migrations") as connection:
        check_migratable(connection)
        refuse_without_keys(connection)
    if code := subprocess.run(ALEMBIC, cwd=ROOT, check=False).returncode:
        return code
    with connect(url, "migrations") as connection:
        adopt_if_any(connection)
    return 0


if __name__ == "__main__":
    sys.exit(main())
