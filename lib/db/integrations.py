"""Step 5's table: what operators ask for of the integrations; the payload itself stays with the step."""

from lib.db import steps
from lib.db.database import Database, Row
from lib.db.writing import jsonb_or_null, step_statement

_SAVE = step_statement(
    """
    integrations AS (
        INSERT INTO platform_integrations AS i (user_id, session_id, connected_platforms, primary_website, email)
        SELECT :user_id, session.id, CAST(:connected_platforms AS jsonb), :primary_website, :email FROM session
        ON CONFLICT (user_id) DO UPDATE
        SET connected_platforms = excluded.connected_platforms, primary_website = excluded.primary_website,
            email = excluded.email, updated_at = now()
    )"""
)


def save(
    database: Database,
    user_id: str,
    data: object,
    validation_errors: list[object],
    connected_platforms: list[object] | None,
    primary_website: str | None,
    email: str | None,
) -> Row:
    """Complete step 5."""
    return steps.save(
        database,
        user_id,
        5,
        data,
        validation_errors,
        statement=_SAVE,
        connected_platforms=jsonb_or_null("connectedPlatforms", connected_platforms),
        primary_website=primary_website,
        email=email,
    )
