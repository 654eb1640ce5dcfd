"""Everything that is stored of a user, in one statement; keys come as ciphertext beside their rows."""

from sqlalchemy import text

from lib.db.database import Database, Row

_READ = text(
    """
    SELECT (SELECT to_json(s) FROM onboarding_sessions s WHERE s.user_id = :user_id) AS session,
           (SELECT json_agg(t ORDER BY t.step_number) FROM onboarding_steps t WHERE t.user_id = :user_id) AS steps,
           (SELECT json_agg(k ORDER BY k.provider) FROM (
                SELECT provider, details, created_at, updated_at FROM api_keys WHERE user_id = :user_id
           ) AS k) AS api_keys,
           ARRAY(SELECT encrypted_key FROM api_keys WHERE user_id = :user_id ORDER BY provider) AS encrypted_keys,
           (SELECT json_agg(w ORDER BY w.id) FROM website_analyses w WHERE w.user_id = :user_id) AS website_analyses,
           (SELECT to_json(p) FROM research_preferences p WHERE p.user_id = :user_id) AS research_preferences,
           (SELECT to_json(d) FROM persona_data d WHERE d.user_id = :user_id) AS persona,
           (SELECT to_json(i) FROM platform_integrations i WHERE i.user_id = :user_id) AS integrations
    """
)


def read(database: Database, user_id: str) -> Row:
    """One value a table: an object or null, a list or null where a user may have several rows.

    `encrypted_keys` are in the order of `api_keys`.
    """
    return database.read(user_id, _READ)[0]
