"""Adopt the old software's rows out of the schema `legacy`, if there are any.

What is nobody's, or not the newest, stays in `legacy`, its API keys encrypted. The work is that of
scripts/import_legacy.py; should a later revision change the tables under it, move this call to that revision.
"""

from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from alembic import op

if TYPE_CHECKING:
    from migrations.legacy.urls import Connection

revision = "2026_11_22_03"
down_revision = "2026_11_22_02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    has_old_tables = "SELECT EXISTS (SELECT FROM information_schema.tables WHERE table_schema = 'legacy')"
    if op.get_bind().execute(sa.text(has_old_tables)).scalar():
        from migrations.legacy.adoption import adopt

        adopt(cast("Connection", op.get_bind().connection.driver_connection))


def downgrade() -> None:
    """Leave what was adopted: it goes with the tables."""
