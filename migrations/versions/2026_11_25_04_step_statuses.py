"""An index of the steps' statuses: counting users by step must not read what the steps hold.

The previous release's code keeps running on this schema while the new one is deployed, so a revision only adds:
new tables, new nullable or defaulted columns, new indexes. Nothing is dropped, renamed or narrowed. A revision is
frozen once it is released: it imports nothing of this project, and spells out what it needs.
"""

from alembic import op

revision = "2026_11_25_04"
down_revision = "2026_11_25_03"
branch_labels = None
depends_on = None

NAME = "ix_onboarding_steps_session_id_step_key_status"


def upgrade() -> None:
    # Not in a transaction, and so without a lock that would hold up writes. A build that was interrupted leaves an
    # index behind that is never used.
    with op.get_context().autocommit_block():
        op.drop_index(NAME, table_name="onboarding_steps", if_exists=True, postgresql_concurrently=True)
        op.create_index(NAME, "onboarding_steps", ["session_id", "step_key", "status"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index(NAME, table_name="onboarding_steps")
