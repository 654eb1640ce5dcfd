"""Which revision of the schema this code was written for, and which one the database is at."""

from typing import TypedDict

from sqlalchemy import String, column, func, select, table

from lib.db.database import Database
from lib.db.statements import Query

# Revision ids begin with their date, so a later one compares greater. A test compares this with migrations/.
EXPECTED_REVISION = "2026_11_25_04"


class _RevisionRow(TypedDict):
    revision: str | None


_alembic_version = table("alembic_version", column("version_num", String))
_REVISION = Query(select(func.max(_alembic_version.c.version_num).label("revision")), _RevisionRow)


def current_revision(database: Database) -> str | None:
    """The database's revision. Raises `Unavailable` when it was never migrated or cannot be reached."""
    return database.read_unscoped(_REVISION())[0]["revision"]
