"""Close tables, sequences and functions to roles that are not ours; ids that tell nothing; deliveries seen before.

The previous release's code keeps running on this schema while the new one is deployed, so a revision only adds:
new tables, new nullable or defaulted columns, new indexes. Nothing is dropped, renamed or narrowed. A revision is
frozen once it is released: it imports nothing of this project, and spells out what it needs.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_01"
down_revision = "2026_11_24_02"
branch_labels = None
depends_on = None

TABLES_WITH_ID = ("onboarding_sessions", "persona_data", "research_preferences", "website_analyses")
TABLES = (
    *TABLES_WITH_ID,
    "alembic_version",
    "api_keys",
    "business_info",
    "erased_users",
    "onboarding_steps",
    "platform_integrations",
)
IS_USER_HASH = "user_hash = encode(sha256(convert_to(current_setting('app.user_id', true), 'UTF8')), 'hex')"

# Supabase grants every right on every new table, sequence and function of `public` to these, by default privileges.
# Other software in the same project may live on those, so they stay, and what is ours is closed one by one.
CREATE_CLOSE = """
CREATE FUNCTION onboarding_close(closed regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
DECLARE
    outsider text;
    owned regclass;
BEGIN
    FOREACH outsider IN ARRAY ARRAY['public', 'anon', 'authenticated', 'service_role'] LOOP
        CONTINUE WHEN outsider <> 'public' AND to_regrole(outsider) IS NULL;
        EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', closed, outsider);
        FOR owned IN SELECT objid::regclass FROM pg_depend
                     JOIN pg_class ON pg_class.oid = objid AND relkind = 'S'
                     WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = closed
        LOOP
            EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %s', owned, outsider);
        END LOOP;
    END LOOP;
END
$body$
"""
CREATE_CLOSE_FUNCTION = """
CREATE FUNCTION onboarding_close_function(closed regprocedure) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
DECLARE
    outsider text;
BEGIN
    FOREACH outsider IN ARRAY ARRAY['public', 'anon', 'authenticated', 'service_role'] LOOP
        CONTINUE WHEN outsider <> 'public' AND to_regrole(outsider) IS NULL;
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', closed, outsider);
    END LOOP;
END
$body$
"""

# As the baseline made it, and closed to roles that are not ours.
REPLACE_ISOLATE = """
CREATE OR REPLACE FUNCTION onboarding_isolate(
    isolated regclass,
    belongs_to_user text DEFAULT $sql$user_id = current_setting('app.user_id', true)$sql$,
    app_privileges text DEFAULT 'SELECT, INSERT, UPDATE, DELETE'
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $body$
BEGIN
    PERFORM public.onboarding_close(isolated);
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
BASELINE_ISOLATE = REPLACE_ISOLATE.replace("    PERFORM public.onboarding_close(isolated);\n", "").replace(
    " SET search_path = pg_catalog, public, pg_temp", ""
)

# 52 random bits above 2^52: exact as a number in JavaScript, never one of the old small ids, and not to be guessed.
CREATE_NEW_ID = """
CREATE FUNCTION onboarding_new_id() RETURNS bigint LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $body$
    SELECT 4503599627370496
        + ('x' || left(gen_random_uuid()::text, 8) || right(gen_random_uuid()::text, 5))::bit(52)::bigint
$body$
"""

# Whoever was given SELECT may read the revision, as health does; only the owner, who migrates, changes it.
OWNS_VERSION = (
    "pg_has_role((SELECT relowner FROM pg_catalog.pg_class WHERE oid = 'public.alembic_version'::regclass), 'MEMBER')"
)
SECURE_VERSION = (
    "ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE alembic_version FORCE ROW LEVEL SECURITY",
    "CREATE POLICY alembic_version_readable ON alembic_version FOR SELECT USING (true)",
    f"CREATE POLICY alembic_version_of_owner ON alembic_version USING ({OWNS_VERSION}) WITH CHECK ({OWNS_VERSION})",
)

# A webhook is believed for five minutes before and after its time, so its id matters for ten. Ids that are older than
# that tell nothing of anybody, and whoever comes next clears them away, whichever user they were about.
EXPIRED = "received_at < now() - interval '15 minutes'"
LET_EXPIRED_GO = tuple(
    f"CREATE POLICY webhook_deliveries_expired_{command.lower()} ON webhook_deliveries FOR {command}"
    f" TO onboarding_app USING ({EXPIRED})"
    for command in ("SELECT", "DELETE")
)


def upgrade() -> None:
    for statement in (CREATE_CLOSE, CREATE_CLOSE_FUNCTION, REPLACE_ISOLATE, CREATE_NEW_ID):
        op.execute(statement)
    op.execute("ALTER FUNCTION onboarding_require SET search_path = pg_catalog, pg_temp")
    for table in TABLES_WITH_ID:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN id DROP IDENTITY")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN id SET DEFAULT onboarding_new_id()")
    for table in TABLES:
        op.execute(f"SELECT onboarding_close('{table}')")
    for statement in SECURE_VERSION:
        op.execute(statement)
    _remember_deliveries()
    # The pattern matches this project's functions alone, whatever else is in `public`.
    op.execute(
        "SELECT onboarding_close_function(oid::regprocedure) FROM pg_proc"
        r" WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'onboarding\_%'"
    )
    op.execute("GRANT EXECUTE ON FUNCTION onboarding_new_id TO onboarding_app")


def _remember_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("user_hash", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_hash", "delivery_id", name=op.f("pk_webhook_deliveries")),
    )
    op.execute(
        sa.text("SELECT onboarding_isolate('webhook_deliveries', :condition, 'SELECT, INSERT, DELETE')").bindparams(
            condition=IS_USER_HASH
        )
    )
    for statement in LET_EXPIRED_GO:
        op.execute(statement)


def downgrade() -> None:
    """What was closed to other roles stays closed. New ids are small again, and above any old one."""
    op.drop_table("webhook_deliveries")
    for policy in ("alembic_version_readable", "alembic_version_of_owner"):
        op.execute(f"DROP POLICY {policy} ON alembic_version")
    op.execute("ALTER TABLE alembic_version NO FORCE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE alembic_version DISABLE ROW LEVEL SECURITY")
    for table in TABLES_WITH_ID:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN id DROP DEFAULT")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (START 1000000000000)")
    op.execute("ALTER FUNCTION onboarding_require RESET search_path")
    op.execute(BASELINE_ISOLATE)
    op.execute("DROP FUNCTION onboarding_new_id, onboarding_close_function, onboarding_close")
