"""The baseline: the onboarding tables, the roles, row-level security on every table, and the guard function.

Where the database holds the old software's own tables, which have the names of the new ones, they are first moved into
the schema `legacy`, as they are. The old ones are told apart by their columns: a table of the new ones has both
`user_id` and `session_id`, or `completed_at`.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_24_01"
down_revision = None
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

IS_USER_HASH = "user_hash = encode(sha256(convert_to(current_setting('app.user_id', true), 'UTF8')), 'hex')"

# Later revisions call this for each table that they add, so that none can be left open.
CREATE_ISOLATE = """
CREATE FUNCTION onboarding_isolate(
    isolated regclass,
    belongs_to_user text DEFAULT $sql$user_id = current_setting('app.user_id', true)$sql$,
    app_privileges text DEFAULT 'SELECT, INSERT, UPDATE, DELETE'
) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', isolated);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', isolated);
    EXECUTE format('CREATE POLICY %I ON %s TO onboarding_app USING (%s) WITH CHECK (%s)',
                   isolated || '_of_user', isolated, belongs_to_user, belongs_to_user);
    EXECUTE format('CREATE POLICY %I ON %s FOR SELECT TO onboarding_operator USING (true)',
                   isolated || '_for_operator', isolated);
    EXECUTE format('GRANT %s ON %s TO onboarding_app', app_privileges, isolated);
    EXECUTE format('GRANT SELECT ON %s TO onboarding_operator', isolated);
END
$body$
"""

# A condition of a write: where it does not hold, the statement fails with the given SQLSTATE.
CREATE_REQUIRE = """
CREATE FUNCTION onboarding_require(holds boolean, code text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    IF holds IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = code, MESSAGE = 'a condition of this write does not hold';
    END IF;
END
$body$
"""

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
    _set_old_tables_aside()
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
        sa.Column("furthest_step", sa.String(length=64), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("user_id <> ''", name=op.f("ck_onboarding_sessions_user_id")),
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
        sa.Column("step_key", sa.String(length=64), nullable=False),
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
        sa.CheckConstraint("step_key <> ''", name=op.f("ck_onboarding_steps_step_key")),
        sa.ForeignKeyConstraint(
            ["user_id", "session_id"],
            ["onboarding_sessions.user_id", "onboarding_sessions.id"],
            name=op.f("fk_onboarding_steps_onboarding_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "step_key", name=op.f("pk_onboarding_steps")),
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


def _set_old_tables_aside() -> None:
    query = sa.text(OLD_TABLES_HERE).bindparams(sa.bindparam("names", OLD_TABLES, expanding=True))
    found = op.get_bind().execute(query).scalars().all()
    if found:
        op.execute("CREATE SCHEMA IF NOT EXISTS legacy")
    for table in found:
        op.execute(f"ALTER TABLE public.{table} SET SCHEMA legacy")


def _create_roles() -> None:
    """`onboarding_app` serves one user at a time; `onboarding_operator` reads all, for scripts that count and check."""
    for role in ("onboarding_app", "onboarding_operator"):
        op.execute(CREATE_ROLE.format(role=role))
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")


def _isolate_users() -> None:
    op.execute(CREATE_ISOLATE)
    op.execute(CREATE_REQUIRE)
    for table in USER_TABLES:
        op.execute(f"SELECT onboarding_isolate('{table}')")
    op.execute(
        sa.text("SELECT onboarding_isolate('erased_users', :condition, 'SELECT, INSERT')").bindparams(
            condition=IS_USER_HASH
        )
    )
    op.execute("REVOKE ALL ON FUNCTION onboarding_isolate, onboarding_require FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION onboarding_require TO onboarding_app")


def downgrade() -> None:
    """Remove the tables. The old software's stay in `legacy`: their rows may have changed since."""
    op.execute("DROP FUNCTION onboarding_isolate, onboarding_require")
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
