"""Many users at once, made by Postgres itself: for plans and latencies that only show on large tables."""

from __future__ import annotations

from typing import Any

import psycopg

# Every user has finished steps 1 to 5. Row triggers are off: the foreign keys hold by construction.
_STATEMENTS = """
SET session_replication_role = replica;
SET synchronous_commit = off;

INSERT INTO onboarding_sessions (user_id, current_step, progress)
SELECT 'user_2population_' || n, 6, 500.0 / 6 FROM generate_series({first}, {last}) AS n;

CREATE TEMPORARY TABLE added ON COMMIT DROP AS
SELECT id, user_id FROM onboarding_sessions
WHERE user_id IN (SELECT 'user_2population_' || n FROM generate_series({first}, {last}) AS n);

INSERT INTO onboarding_steps (user_id, session_id, step_number, status, data, completed_at)
SELECT user_id, id, step, 'completed', json_build_object('domainName', 'example.com', 'step', step), now()
FROM added, generate_series(1, 5) AS step;

INSERT INTO api_keys (user_id, session_id, provider, encrypted_key)
SELECT user_id, id, provider, sha256(user_id::bytea) FROM added, unnest(ARRAY['gemini', 'exa']) AS provider;

INSERT INTO website_analyses (user_id, session_id, website_url, writing_style, target_audience)
SELECT user_id, id, 'https://' || site || '.example.com', '{{"tone": "Playful"}}', '{{"demographics": ["Founders"]}}'
FROM added, unnest(ARRAY['old', 'new']) AS site;

INSERT INTO research_preferences (user_id, session_id, research_depth) SELECT user_id, id, 'Expert' FROM added;

INSERT INTO persona_data (user_id, session_id, core_persona)
SELECT user_id, id, '{{"identity": {{"voice": "Patient expert"}}}}' FROM added;

INSERT INTO platform_integrations (user_id, session_id, email) SELECT user_id, id, 'a@example.com' FROM added;

INSERT INTO erased_users (user_hash) SELECT encode(sha256(('user_2erased_' || n)::bytea), 'hex')
FROM generate_series({first}, {last}) AS n;
"""


def user_name(number: int) -> str:
    """The id of a user of the population, 1 to its size."""
    return f"user_2population_{number}"


def populate(connection: psycopg.Connection[Any], first: int, last: int) -> None:
    """Make the users of these numbers, and let the planner know. `connection` is a superuser's, in autocommit."""
    with connection.transaction():
        connection.execute(_STATEMENTS.format(first=int(first), last=int(last)))
        connection.execute("SET session_replication_role = origin")
    connection.execute("VACUUM ANALYZE")
