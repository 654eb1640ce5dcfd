"""Trim the events of the table that the trigger fires for: on a distributed database that is a shard.

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
BEFORE = """
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


def upgrade() -> None:
    op.execute(REPLACE_TRIM)


def downgrade() -> None:
    op.execute(BEFORE)
