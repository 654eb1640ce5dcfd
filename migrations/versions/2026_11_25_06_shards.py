"""Policies and the trigger as a distributed database needs them.

The trigger removes events of the table that it fires for, which is a shard there. The operator's policies hold for that
role itself: before Postgres 16 whoever may become it inherits from it, and on a worker as well.

The previous release's code keeps running on this schema while the new one is deployed, so a revision only adds:
new tables, new nullable or defaulted columns, new indexes. Nothing is dropped, renamed or narrowed. A revision is
frozen once it is released: it imports nothing of this project, and spells out what it needs.
"""

from alembic import op

revision = "2026_11_25_06"
down_revision = "2026_11_25_05"
branch_labels = None
depends_on = None

# A worker of Citus holds public.onboarding_events_102008 and the like. The statement for the table itself stays a
# static one, which keeps its plan.
REPLACE_TRIM = """
CREATE OR REPLACE FUNCTION onboarding_trim_events() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
BEGIN
    IF TG_TABLE_NAME = 'onboarding_events' THEN
        DELETE FROM public.onboarding_events
        WHERE user_id = NEW.user_id AND (at, id) <= (
            SELECT at, id FROM public.onboarding_events
            WHERE user_id = NEW.user_id ORDER BY at DESC, id DESC OFFSET 500 LIMIT 1
        );
    ELSE
        EXECUTE format(
            'DELETE FROM %1$I.%2$I WHERE user_id = $1 AND (at, id) <= ('
            ' SELECT at, id FROM %1$I.%2$I WHERE user_id = $1 ORDER BY at DESC, id DESC OFFSET 500 LIMIT 1)',
            TG_TABLE_SCHEMA, TG_TABLE_NAME
        ) USING NEW.user_id;
    END IF;
    RETURN NULL;
END
$body$
"""
TRIM_BEFORE = """
CREATE OR REPLACE FUNCTION onboarding_trim_events() RETURNS trigger LANGUAGE plpgsql
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


TABLES = (
    "api_keys",
    "business_info",
    "erased_users",
    "onboarding_events",
    "onboarding_sessions",
    "onboarding_steps",
    "persona_data",
    "platform_integrations",
    "research_preferences",
    "webhook_deliveries",
    "website_analyses",
)
IS_OPERATOR = "current_user = 'onboarding_operator'"
ISOLATE_BEFORE = """
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
REPLACE_ISOLATE = ISOLATE_BEFORE.replace("USING (true)'", "USING (%s)'").replace(
    "isolated || '_for_operator', isolated);", f"isolated || '_for_operator', isolated, $sql${IS_OPERATOR}$sql$);"
)


def upgrade() -> None:
    op.execute(REPLACE_TRIM)
    op.execute(REPLACE_ISOLATE)
    _let_operators_read_where(IS_OPERATOR)


def downgrade() -> None:
    _let_operators_read_where("true")
    op.execute(ISOLATE_BEFORE)
    op.execute(TRIM_BEFORE)


def _let_operators_read_where(condition: str) -> None:
    for table in TABLES:
        op.execute(f"ALTER POLICY {table}_for_operator ON {table} USING ({condition})")
