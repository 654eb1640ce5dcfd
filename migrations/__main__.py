"""Migrates the database of DATABASE_URL_UNPOOLED or DATABASE_URL: `alembic upgrade head`, then the old system's rows.

Both may be repeated, interrupted, and run twice at once. A failure is one line on standard error and exit code 1.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":  # the imports below take seconds: until main, Ctrl-C ends us without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import psycopg

from lib.config import Settings
from lib.db.operators import UnusableURL, connect, postgres_url, reason_of
from lib.db.readiness import check_migratable
from lib.errors import Unavailable

# Goes together with migrations/legacy, once no database of the old system is left.
from migrations.legacy.adoption import adopt_if_any, refuse_without_keys

INTERRUPTED = 130  # the exit code of a command that Ctrl-C ended, as shells give it
ROOT = Path(__file__).resolve().parents[1]
ALEMBIC = (sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "upgrade", "head")


def main() -> int:
    """Migrate, and return the exit code."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return _migrate()
    except (Unavailable, UnusableURL, psycopg.Error) as error:
        print(f"Cannot migrate: {reason_of(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _migrate() -> int:
    url = postgres_url(Settings(os.environ).direct_database_url)
    with connect(url, "migrations") as connection:
        check_migratable(connection)
        refuse_without_keys(connection)
    if code := _run_alembic():
        return code
    with connect(url, "migrations") as connection:
        adopt_if_any(connection)
    return 0


def _run_alembic() -> int:
    """Run Alembic, which takes no notice of Ctrl-C and ends with us: Postgres rolls back what was under way."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a child inherits it
    try:
        child = subprocess.Popen(ALEMBIC, cwd=ROOT)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        return child.wait()
    except BaseException:
        child.kill()
        child.wait()
        raise


if __name__ == "__main__":
    sys.exit(main())
