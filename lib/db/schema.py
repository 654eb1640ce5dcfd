"""Which revision of the schema this code was written for, and which one the database is at."""

from sqlalchemy import text

from lib.db.database import Database

# Revision ids begin with their date, so a later one compares greater. A test holds this against migrations/.
EXPECTED_REVISION = "2026_11_22_03"

_REVISION = text("SELECT max(version_num) AS revision FROM alembic_version")


def current_revision(database: Database) -> str | None:
    """The database's revision. Raises `Unavailable` when it was never migrated or cannot be reached."""
    revision: str | None = database.read_unscoped(_REVISION)[0]["revision"]
    return revision
