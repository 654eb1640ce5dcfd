"""Set the old software's own tables aside, where the database has them: into the schema `legacy`, as they are.

The old tables have the names of the new ones. They are told apart by their columns: a table of the new ones carries
both `user_id` and `session_id`, or `completed_at`. An empty database has none, and nothing happens.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_01"
down_revision = None
branch_labels = None
depends_on = None

# Parents first; `competitor_analyses` hangs on a session too and has no successor.
OLD_TABLES = (
    "onboarding_sessions",
    "api_keys",
    "website_analyses",
    "research_preferences",
    "persona_data",
    "competitor_analyses",
)
OLD_TABLES_HERE = """
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name IN :names
    GROUP BY table_name
    HAVING NOT (bool_or(column_name = 'completed_at')
                OR (bool_or(column_name = 'user_id') AND bool_or(column_name = 'session_id')))
"""


def upgrade() -> None:
    query = sa.text(OLD_TABLES_HERE).bindparams(sa.bindparam("names", OLD_TABLES, expanding=True))
    found = op.get_bind().execute(query).scalars().all()
    if found:
        op.execute("CREATE SCHEMA IF NOT EXISTS legacy")
    for table in found:
        op.execute(f"ALTER TABLE public.{table} SET SCHEMA legacy")


def downgrade() -> None:
    """Leave the old tables in `legacy`: their rows are not in the shape that the old software wrote any more."""
