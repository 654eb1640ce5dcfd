"""The onboarding tables, the role that functions work as, and row-level security on every table.

The previous release's code keeps running on this schema while the new one is deployed, so a revision only adds:
new tables, new nullable or defaulted columns, new indexes. Nothing is dropped, renamed or narrowed.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_02"
down_revision = "2026_11_22_01"
branch_labels = None
depends_on = None

USER_TABLES = (
    "onboarding_sessions",
    "onboarding_steps",
    "api_keys",
    "website_analyses",
    "research_preferences",
    "persona_data",
    "platform_integrations",
)
IS_USER = "user_id = current_setting('app.user_id', true)"
IS_USER_HASH = "user_hash = encode(sha256(convert_to(current_setting('app.user_id', true), 'UTF8')), 'hex')"

# Two databases of one cluster may be migrated at once, hence the exceptions. The role that migrates is the one that
# functions log in as; from Postgres 16 on, having created a role is not yet the right to become it. It becomes one of
# them but does not inherit from them: otherwise the login role would see what the operator may see.
CREATE_ROLE = """
DO $$
BEGIN
    BEGIN
        CREATE ROLE {role} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    BEGIN
        SET LOCAL ROLE {role};
        RESET ROLE;
    EXCEPTION WHEN insufficient_privilege THEN
        IF current_setting('server_version_num')::integer >= 160000 THEN
            EXECUTE 'GRANT {role} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE';
        ELSE
            EXECUTE 'GRANT {role} TO CURRENT_USER';
        END IF;
    END;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "erased_users",
        sa.Column("user_hash", sa.String(length=64), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_hash", name=op.f("pk_erased_users")),
    )
    op.create_table(
        "onboarding_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("current_step", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("progress", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("user_id <> ''", name=op.f("ck_onboarding_sessions_user_id")),
        sa.CheckConstraint("current_step BETWEEN 1 AND 6", name=op.f("ck_onboarding_sessions_current_step")),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_onboarding_sessions_progress")),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_onboarding_sessions")),
        sa.UniqueConstraint("user_id", name=op.f("uq_onboarding_sessions_user_id")),
    )
    op.create_table(
        "api_keys",
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("encrypted_key", sa.LargeBinary(), nullable=False),
        sa.Column("details", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "session_id"],
            ["onboarding_sessions.user_id", "onboarding_sessions.id"],
            name=op.f("fk_api_keys_onboarding_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "provider", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "onboarding_steps",
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("step_number", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.String(length=20), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("data", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "validation_errors", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'in_progress', 'completed', 'skipped')", name=op.f("ck_onboarding_steps_status")
        ),
        sa.CheckConstraint("step_number BETWEEN 1 AND 6", name=op.f("ck_onboarding_steps_step_number")),
        sa.ForeignKeyConstraint(
            ["user_id", "session_id"],
            ["onboarding_sessions.user_id", "onboarding_sessions.id"],
            name=op.f("fk_onboarding_steps_onboarding_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "step_number", name=op.f("pk_onboarding_steps")),
    )
    op.create_table(
        "persona_data",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("core_persona", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("platform_personas", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("quality_metrics", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("selected_platforms", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("additional_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "session_id"],
            ["onboarding_sessions.user_id", "onboarding_sessions.id"],
            name=op.f("fk_persona_data_onboarding_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_persona_data")),
    )
    op.create_table(
        "platform_integrations",
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("connected_platforms", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("primary_website", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "session_id"],
            ["onboarding_sessions.user_id", "onboarding_sessions.id"],
            name=op.f("fk_platform_integrations_onboarding_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_platform_integrations")),
    )
    op.create_table(
        "research_preferences",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("research_depth", sa.String(length=50), server_default=sa.text("'Standard'"), nullable=False),
        sa.Column(
            "content_types", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("auto_research", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("factual_content", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("writing_style", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("content_characteristics", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("target_audience", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("recommended_settings", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "research_depth IN ('Basic', 'Standard', 'Comprehensive', 'Expert')",
            name=op.f("ck_research_preferences_research_depth"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id", "session_id"],
            ["onboarding_sessions.user_id", "onboarding_sessions.id"],
            name=op.f("fk_research_preferences_onboarding_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_research_preferences")),
    )
    op.create_table(
        "website_analyses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("website_url", sa.Text(), nullable=False),
        sa.Column("analysis_date", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("writing_style", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("content_characteristics", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("target_audience", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("content_type", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("recommended_settings", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("brand_analysis", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("content_strategy_insights", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("crawl_result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("style_patterns", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("style_guidelines", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("business_data", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("additional_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("status", sa.String(length=50), server_default=sa.text("'completed'"), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("warning_message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "session_id"],
            ["onboarding_sessions.user_id", "onboarding_sessions.id"],
            name=op.f("fk_website_analyses_onboarding_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_website_analyses")),
    )
    op.create_index(
        "uq_website_analyses_user_id_website_url",
        "website_analyses",
        ["user_id", sa.literal_column("md5(website_url)")],
        unique=True,
    )
    _create_roles()
    _isolate_users()


def _create_roles() -> None:
    """`onboarding_app` serves one user at a time; `onboarding_operator` reads all, for scripts that count and check."""
    for role in ("onboarding_app", "onboarding_operator"):
        op.execute(CREATE_ROLE.format(role=role))
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    for table in (*USER_TABLES, "erased_users"):
        op.execute(f"GRANT SELECT ON {table} TO onboarding_operator")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO onboarding_app")
    for table in USER_TABLES:
        op.execute(f"GRANT UPDATE, DELETE ON {table} TO onboarding_app")


def _isolate_users() -> None:
    for table in USER_TABLES:
        _enforce(table, IS_USER)
    _enforce("erased_users", IS_USER_HASH)


def _enforce(table: str, belongs_to_user: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY {table}_of_user ON {table} TO onboarding_app"
        f" USING ({belongs_to_user}) WITH CHECK ({belongs_to_user})"
    )
    op.execute(f"CREATE POLICY {table}_for_operator ON {table} FOR SELECT TO onboarding_operator USING (true)")


def downgrade() -> None:
    op.drop_index("uq_website_analyses_user_id_website_url", table_name="website_analyses")
    op.drop_table("website_analyses")
    op.drop_table("research_preferences")
    op.drop_table("platform_integrations")
    op.drop_table("persona_data")
    op.drop_table("onboarding_steps")
    op.drop_table("api_keys")
    op.drop_table("onboarding_sessions")
    op.drop_table("erased_users")
    # The roles belong to the whole cluster and may serve another of its databases, so they stay.
    op.execute("REVOKE ALL ON SCHEMA public FROM onboarding_app, onboarding_operator")
