"""Step 6's read: everything that the summary shows, in one statement and without the large columns."""

from sqlalchemy import text

from lib.db.database import Database, Row

_READ = text(
    """
    SELECT ARRAY(SELECT provider FROM api_keys WHERE user_id = :user_id ORDER BY provider) AS providers,
           ARRAY(SELECT encrypted_key FROM api_keys WHERE user_id = :user_id ORDER BY provider) AS encrypted_keys,
           (SELECT to_jsonb(w) FROM (
                SELECT website_url, writing_style, content_characteristics, target_audience, content_type,
                       recommended_settings, brand_analysis, content_strategy_insights, style_patterns,
                       style_guidelines
                FROM website_analyses WHERE user_id = :user_id ORDER BY analysis_date DESC, id DESC LIMIT 1
           ) AS w) AS website_analysis,
           (SELECT to_json(p) FROM (
                SELECT p.id, p.session_id, p.research_depth, p.content_types, p.auto_research, p.factual_content,
                       p.writing_style, p.content_characteristics, p.target_audience, p.recommended_settings,
                       p.created_at, p.updated_at, t.data
                FROM research_preferences p
                LEFT JOIN onboarding_steps t ON t.user_id = p.user_id AND t.step_number = 3
                WHERE p.user_id = :user_id
           ) AS p) AS research_preferences,
           (SELECT to_jsonb(d) FROM (
                SELECT core_persona, platform_personas, quality_metrics, selected_platforms
                FROM persona_data WHERE user_id = :user_id
           ) AS d) AS persona,
           (SELECT data FROM onboarding_steps WHERE user_id = :user_id AND step_number = 5) AS integrations
    """
)


def read(database: Database, user_id: str) -> Row:
    """providers, encrypted_keys, website_analysis, research_preferences (payload in `data`), persona, integrations."""
    return database.read(user_id, _READ)[0]
