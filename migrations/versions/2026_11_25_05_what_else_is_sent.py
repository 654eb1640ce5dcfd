"""What else is sent with business information, and every task of the AI backend whose persona was stored.

The previous release's code keeps running on this schema while the new one is deployed, so a revision only adds:
new tables, new nullable or defaulted columns, new indexes. Nothing is dropped, renamed or narrowed. A revision is
frozen once it is released: it imports nothing of this project, and spells out what it needs.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "2026_11_25_05"
down_revision = "2026_11_25_04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("business_info", sa.Column("additional_fields", JSONB(), nullable=True))
    op.add_column("persona_data", sa.Column("stored_tasks", sa.ARRAY(sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column("persona_data", "stored_tasks")
    op.drop_column("business_info", "additional_fields")
