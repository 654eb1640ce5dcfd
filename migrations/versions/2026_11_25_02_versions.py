"""Versions of steps and sessions: each change adds 1.

The previous release's code keeps running on this schema while the new one is deployed, so a revision only adds:
new tables, new nullable or defaulted columns, new indexes. Nothing is dropped, renamed or narrowed. A revision is
frozen once it is released: it imports nothing of this project, and spells out what it needs.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_02"
down_revision = "2026_11_25_01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A row that is there has been changed once at least: 0 is the version of what was never touched.
    for table in ("onboarding_sessions", "onboarding_steps"):
        op.add_column(table, sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False))


def downgrade() -> None:
    for table in ("onboarding_steps", "onboarding_sessions"):
        op.drop_column(table, "version")
