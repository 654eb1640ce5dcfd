"""Business information, drafts of steps, and which task wrote a persona; saved keys finish step 1.

The previous release's code keeps running on this schema while the new one is deployed, so a revision only adds:
new tables, new nullable or defaulted columns, new indexes. Nothing is dropped, renamed or narrowed. A revision is
frozen once it is released: it imports nothing of this project, and spells out what it needs.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_24_02"
down_revision = "2026_11_24_01"
branch_labels = None
depends_on = None

# Until now a saved key did not finish step 1, and the wizard's page never sends that step: whoever has a key of an AI
# provider, and neither finished nor reset that step, has finished it. As the two roles, since row-level security holds
# for the tables' owner too.
FINISH_STEPS_WITH_KEYS = """
DO $$
DECLARE
    users text[];
    found text;
BEGIN
    SET LOCAL ROLE onboarding_operator;
    users := ARRAY(
        SELECT DISTINCT user_id FROM api_keys
        WHERE provider IN ('openai', 'gemini', 'anthropic', 'mistral')
        AND NOT EXISTS (SELECT 1 FROM onboarding_steps AS step
                        WHERE step.user_id = api_keys.user_id AND step.step_key = 'api_keys')
    );
    SET LOCAL ROLE onboarding_app;
    FOREACH found IN ARRAY users LOOP
        PERFORM set_config('app.user_id', found, true);
        INSERT INTO onboarding_steps (user_id, session_id, step_key, status, completed_at)
        SELECT user_id, id, 'api_keys', 'completed', now() FROM onboarding_sessions
        WHERE user_id = found FOR KEY SHARE
        ON CONFLICT (user_id, step_key) DO NOTHING;
        UPDATE onboarding_sessions SET furthest_step = 'api_keys' WHERE user_id = found AND furthest_step IS NULL;
    END LOOP;
    RESET ROLE;
    PERFORM set_config('app.user_id', '', true);
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "business_info",
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("business_description", sa.Text(), nullable=True),
        sa.Column("industry", sa.Text(), nullable=True),
        sa.Column("target_audience", sa.Text(), nullable=True),
        sa.Column("business_goals", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "session_id"],
            ["onboarding_sessions.user_id", "onboarding_sessions.id"],
            name=op.f("fk_business_info_onboarding_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_business_info")),
    )
    op.execute("SELECT onboarding_isolate('business_info')")
    op.add_column("onboarding_steps", sa.Column("draft", sa.JSON(), nullable=True))
    op.add_column("onboarding_steps", sa.Column("draft_saved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("persona_data", sa.Column("generated_by", sa.Text(), nullable=True))
    op.execute(FINISH_STEPS_WITH_KEYS)


def downgrade() -> None:
    op.drop_column("persona_data", "generated_by")
    op.drop_column("onboarding_steps", "draft_saved_at")
    op.drop_column("onboarding_steps", "draft")
    op.drop_table("business_info")
