"""Many users at once, made by Postgres itself: for plans and latencies that only show on large tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import Table

from lib.db.tables import metadata

# Every user has finished steps 2, 3 and 5. Row triggers are off, since the foreign keys hold by construction, and
# rows come in the order of their keys, which Postgres adds to an index several times faster than in any other.
_STATEMENTS = """
SET LOCAL session_replication_role = replica;

INSERT INTO onboarding_sessions (user_id, furthest_step)
SELECT 'user_2population_' || n AS name, 'integrations' FROM generate_series(1, {users}) AS n ORDER BY name;

INSERT INTO onboarding_steps (user_id, session_id, step_key, status, data, completed_at)
SELECT user_id, id, step, 'completed', json_build_object('domainName', 'example.com', 'step', step), now()
FROM onboarding_sessions, unnest(ARRAY['website', 'research', 'integrations']) AS step ORDER BY user_id, step;

INSERT INTO api_keys (user_id, session_id, provider, encrypted_key)
SELECT user_id, id, 'gemini', sha256(user_id::bytea) FROM onboarding_sessions ORDER BY user_id;

INSERT INTO website_analyses (user_id, session_id, website_url, writing_style, target_audience)
SELECT user_id, id, 'https://' || site || '.example.com', '{{"tone": "Playful"}}', '{{"demographics": ["Founders"]}}'
FROM onboarding_sessions, unnest(ARRAY['old', 'new']) AS site ORDER BY user_id;

INSERT INTO research_preferences (user_id, session_id, research_depth)
SELECT user_id, id, 'Expert' FROM onboarding_sessions ORDER BY user_id;

INSERT INTO persona_data (user_id, session_id, core_persona)
SELECT user_id, id, '{{"identity": {{"voice": "Patient expert"}}}}' FROM onboarding_sessions ORDER BY user_id;

INSERT INTO platform_integrations (user_id, session_id, email)
SELECT user_id, id, 'a@example.com' FROM onboarding_sessions ORDER BY user_id;

INSERT INTO erased_users (user_hash)
SELECT encode(sha256(('user_2erased_' || n)::bytea), 'hex') AS hash FROM generate_series(1, {users}) AS n ORDER BY hash;

INSERT INTO webhook_deliveries (user_hash, delivery_id)
SELECT user_hash, 'msg_' || user_hash FROM erased_users ORDER BY user_hash;
"""


def user_name(number: int) -> str:
    """The id of a user of the population, 1 to its size."""
    return f"user_2population_{number}"


def populate(connection: psycopg.Connection[Any], users: int) -> None:
    """Fill an empty database, and let the planner know. `connection` is a superuser's, in autocommit."""
    with connection.transaction():
        connection.execute(_STATEMENTS.format(users=int(users)))
        for table in metadata.sorted_tables:
            if connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(table.name))).rowcount == 0:
                connection.execute(_one_row_a_user(table))
    connection.execute("VACUUM ANALYZE")


def _one_row_a_user(table: Table) -> sql.Composed:
    """Fill a table of users that has no statement above, with a value wherever one is needed."""
    needed = [column for column in table.c if not (column.nullable or column.server_default or column.identity)]
    values: dict[str, LiteralString] = {column.name: _VALUES.get(column.type.python_type, "1") for column in needed}
    values |= {"user_id": "user_id", "session_id": "id"}
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM onboarding_sessions ORDER BY user_id").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.SQL, values.values())),
    )


_VALUES: dict[type[Any], LiteralString] = {str: "'x'", bytes: "'x'", dict: "'{}'", bool: "true", datetime: "now()"}
