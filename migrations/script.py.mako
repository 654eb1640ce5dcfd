"""${message.capitalize()}.

The previous release's code keeps running on this schema while the new one is deployed, so a revision only adds:
new tables, new nullable or defaulted columns, new indexes. Nothing is dropped, renamed or narrowed. A revision is
frozen once it is released: it imports nothing of this project, and spells out what it needs.

An index on a table that has rows already is built concurrently, or its writes wait. It has a revision of its own, which
may be run again after it was cut off, when an invalid index is left behind:

    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_notes_created_at")
        op.create_index("ix_notes_created_at", "notes", ["created_at"], postgresql_concurrently=True)
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
