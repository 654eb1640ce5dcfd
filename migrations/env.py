"""Runs migrations on the direct connection, one at a time per database, with time limits."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from alembic import context
from alembic.operations.ops import CreateTableOp, ExecuteSQLOp, MigrationScript
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from lib.config import Settings
from lib.db.causes import cause, is_known
from lib.db.operators import postgres_url, reason_of
from lib.db.tables import metadata
from lib.db.url import SEARCH_PATH, UnusableURL
from lib.errors import Unavailable

# Any number that no other software on this database uses for an advisory lock.
_LOCK_NUMBER = 7_205_759_403_792_793
_WAIT_FOR_OTHER_MIGRATION_S = 120
_LOCK_TIMEOUT = "5s"
_STATEMENT_TIMEOUT = "300s"


def run(engine: Engine) -> None:
    """Migrate, never twice at once.

    It is one transaction, everything or nothing, but for a revision that builds an index in an `autocommit_block`: what
    comes before that is committed first, and the next run goes on from there.
    """
    with _no_other_migration(engine), engine.connect() as connection:
        event.listen(connection, "begin", _limit)
        _migrate(connection)


@contextmanager
def _no_other_migration(engine: Engine) -> Iterator[None]:
    """Hold the lock of migrations on a connection of its own. Raises SystemExit when another one goes on for too long.

    It is asked for again and again, in statements without parameters: an index that is built concurrently waits for
    every query that still runs, and for the portal that one with parameters leaves open.
    """
    deadline = time.monotonic() + _WAIT_FOR_OTHER_MIGRATION_S
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        while not connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_LOCK_NUMBER})").scalar():
            if time.monotonic() > deadline:
                raise SystemExit("Cannot migrate: another migration of this database is running.")
            time.sleep(0.2)
        yield


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        include_object=is_ours,
        process_revision_directives=isolate_new_tables,
    )
    with context.begin_transaction():
        context.run_migrations()


def _limit(connection: Connection) -> None:
    """Set up a transaction. Outside of one, as in an `autocommit_block`, it has no effect: nothing is limited there."""
    _set_local(connection, "lock_timeout", _LOCK_TIMEOUT)
    _set_local(connection, "statement_timeout", _STATEMENT_TIMEOUT)
    _set_local(connection, "search_path", SEARCH_PATH)


def is_ours(_object: object, _name: object, kind: str, reflected: bool, compare_to: object) -> bool:
    """Whether a revision may concern something: a table that is only in the database is other software's."""
    return not (kind == "table" and reflected and compare_to is None)


def isolate_new_tables(_context: object, _revision: object, directives: list[MigrationScript]) -> None:
    """Give each new table its row-level security, policies and grants in the revision that creates it."""
    operations = [script.upgrade_ops for script in directives if script.upgrade_ops]
    for upgrade in operations:
        tables = [operation.table_name for operation in upgrade.ops if isinstance(operation, CreateTableOp)]
        upgrade.ops += [ExecuteSQLOp(f"SELECT onboarding_isolate('{table}')") for table in tables]


def _set_local(connection: Connection, name: str, value: str) -> None:
    connection.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})


if context.is_offline_mode():
    raise SystemExit("Migrations need a database: set DATABASE_URL_UNPOOLED or DATABASE_URL.")

try:
    conninfo = postgres_url(Settings(os.environ).direct_database_url).conninfo
except (Unavailable, UnusableURL) as error:
    raise SystemExit(f"Cannot migrate: {reason_of(error)}") from None
logging.basicConfig(level=logging.INFO, format="%(message)s")
logging.getLogger("alembic.runtime.migration").addFilter(lambda record: "Running" in record.msg)
engine = create_engine(
    "postgresql+psycopg://",
    creator=lambda: psycopg.connect(conninfo, connect_timeout=10),
    poolclass=NullPool,
    # Whatever the database's default is: at REPEATABLE READ a transaction keeps its first snapshot to the end.
    isolation_level="READ COMMITTED",
    hide_parameters=True,
)
try:
    run(engine)
except CommandError as error:
    # What alembic says here names revisions, and nothing of the database's.
    raise SystemExit(
        f"Cannot migrate: {error}. The database is newer than this code, or was made before the first release: "
        "deploy the newer code, or use a new database (for development: make reset)."
    ) from None
except DBAPIError as error:
    # An error that nobody foresaw is a mistake in a revision: its author needs the traceback.
    if not isinstance(error.orig, psycopg.Error) or not is_known(error.orig):
        raise
    raise SystemExit(f"Cannot migrate: {cause(error.orig)}") from None
