"""Which schema this code was written for, and what state the database and its schema are in."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypedDict

from sqlalchemy import String, column, func, literal_column, select, table, text
from sqlalchemy.types import ARRAY, Boolean

from lib.db.database import Database
from lib.db.statements import Query
from lib.db.tables import metadata

# Revision ids begin with their date, so a later one compares greater. A test compares this with migrations/.
EXPECTED_REVISION = "2026_11_25_06"


@dataclass(frozen=True)
class SchemaState:
    """What the database says of itself. `missing` names columns that are not there, or closed to the functions."""

    revision: str | None
    is_read_only: bool
    has_role: bool
    missing: Sequence[str]

    @property
    def serves(self) -> bool:
        """Whether the code can work with it."""
        return self.problem is None

    @property
    def database(self) -> Literal["ok", "read_only"]:
        """Whether the database takes writes; that its schema is too old or incomplete shows in `status` alone."""
        return "read_only" if self.is_read_only else "ok"

    @property
    def problem(self) -> str | None:
        """For the operator: what is wrong, if anything."""
        if self.revision is None or self.revision < EXPECTED_REVISION:
            return f"the schema is at {self.revision}, and the code needs {EXPECTED_REVISION}"
        if self.is_read_only:
            return "the database is read-only"
        if not self.has_role:
            return "the role onboarding_app is not there, or this login cannot become it"
        return f"the schema lacks {', '.join(self.missing[:5])}" if self.missing else None


class _State(TypedDict):
    revision: str | None
    is_read_only: bool
    has_role: bool
    missing: list[str]


_alembic_version = table("alembic_version", column("version_num", String))
# As oids: asked by name, a role or table that is not there would be an error.
_ROLE = "to_regrole('onboarding_app')"
_MISSING = """
SELECT ARRAY(
    SELECT wanted FROM unnest(CAST(:expected AS text[])) AS wanted
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass(split_part(wanted, '.', 1)) AND attname = split_part(wanted, '.', 2)
        AND attnum > 0 AND NOT attisdropped
        AND (to_regrole('onboarding_app') IS NULL
             OR has_column_privilege(to_regrole('onboarding_app'), attrelid, attnum, 'SELECT'))
    )
) AS missing
"""


@cache
def _state_query() -> Query[_State]:
    return Query(
        select(
            select(func.max(_alembic_version.c.version_num)).scalar_subquery().label("revision"),
            literal_column("current_setting('transaction_read_only') = 'on'", Boolean).label("is_read_only"),
            literal_column(
                f"coalesce(pg_has_role({_ROLE}, 'MEMBER'), false)",
                Boolean,
            ).label("has_role"),
            text(_MISSING)
            .bindparams(expected=[str(column) for table in metadata.tables.values() for column in table.columns])
            .columns(column("missing", ARRAY(String)))
            .scalar_subquery()
            .label("missing"),
        ),
        _State,
    )


def schema_state(database: Database) -> SchemaState:
    """What state the database is in. Raises `Unavailable` when it was never migrated or cannot be reached."""
    return SchemaState(**database.read_unscoped(_state_query()())[0])
