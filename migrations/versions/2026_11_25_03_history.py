"""What happened to a user's onboarding: the newest 500 events of each user; and which write made a step's version.

The previous release's code keeps running on this schema while the new one is deployed, so a revision only adds:
new tables, new nullable or defaulted columns, new indexes. Nothing is dropped, renamed or narrowed. A revision is
frozen once it is released: it imports nothing of this project, and spells out what it needs.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_25_03"
down_revision = "2026_11_25_02"
branch_labels = None
depends_on = None

# As whoever writes the event, whom row-level security shows one user's rows.
CREATE_TRIM = """
CREATE FUNCTION onboarding_trim_events() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
BEGIN
    DELETE FROM public.onboarding_events
    WHERE user_id = NEW.user_id AND (at, id) <= (
        SELECT at, id FROM public.onboarding_events
        WHERE user_id = NEW.user_id ORDER BY at DESC, id DESC OFFSET 500 LIMIT 1
    );
    RETURN NULL;
END
$body$
"""


def upgrade() -> None:
    op.create_table(
        "onboarding_events",
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), server_default=sa.text("onboarding_new_id()"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("step_key", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id", "session_id"],
            ["onboarding_sessions.user_id", "onboarding_sessions.id"],
            name=op.f("fk_onboarding_events_onboarding_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_onboarding_events")),
    )
    op.create_index(
        op.f("ix_onboarding_events_user_id_at_id"), "onboarding_events", ["user_id", "at", "id"], unique=False
    )
    op.execute("SELECT onboarding_isolate('onboarding_events')")
    op.execute(CREATE_TRIM)
    op.execute("SELECT onboarding_close_function('onboarding_trim_events()')")
    op.execute(
        "CREATE TRIGGER onboarding_events_trimmed AFTER INSERT ON onboarding_events"
        " FOR EACH ROW EXECUTE FUNCTION onboarding_trim_events()"
    )
    # Last: writes take the session before its steps, and a migration the other way round would meet one in a deadlock.
    op.add_column("onboarding_steps", sa.Column("written_by", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_table("onboarding_events")
    op.drop_column("onboarding_steps", "written_by")
    op.execute("DROP FUNCTION onboarding_trim_events")
