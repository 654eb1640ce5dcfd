"""The old software's own tables, as its models made them on Postgres, and databases filled with them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

TABLES = """
CREATE TABLE onboarding_sessions (
    id SERIAL NOT NULL, user_id {user_id} NOT NULL, current_step INTEGER, progress FLOAT,
    started_at TIMESTAMP, updated_at TIMESTAMP, PRIMARY KEY (id)
);
CREATE TABLE api_keys (
    id SERIAL NOT NULL, session_id INTEGER, provider VARCHAR(64) NOT NULL, "key" VARCHAR(256) NOT NULL,
    created_at TIMESTAMP, updated_at TIMESTAMP, PRIMARY KEY (id),
    FOREIGN KEY(session_id) REFERENCES onboarding_sessions (id)
);
CREATE TABLE website_analyses (
    id SERIAL NOT NULL, session_id INTEGER NOT NULL, website_url VARCHAR(500) NOT NULL, analysis_date TIMESTAMP,
    writing_style JSON, content_characteristics JSON, target_audience JSON, content_type JSON,
    recommended_settings JSON, crawl_result JSON, style_patterns JSON, style_guidelines JSON,
    status VARCHAR(50), error_message TEXT, warning_message TEXT, created_at TIMESTAMP, updated_at TIMESTAMP,
    brand_analysis JSON, content_strategy_insights JSON, PRIMARY KEY (id),
    FOREIGN KEY(session_id) REFERENCES onboarding_sessions (id) ON DELETE CASCADE
);
CREATE TABLE research_preferences (
    id SERIAL NOT NULL, session_id INTEGER NOT NULL, research_depth VARCHAR(50) NOT NULL, content_types JSON NOT NULL,
    auto_research BOOLEAN, factual_content BOOLEAN, writing_style JSON, content_characteristics JSON,
    target_audience JSON, recommended_settings JSON, created_at TIMESTAMP, updated_at TIMESTAMP, PRIMARY KEY (id),
    FOREIGN KEY(session_id) REFERENCES onboarding_sessions (id) ON DELETE CASCADE
);
CREATE TABLE persona_data (
    id SERIAL NOT NULL, session_id INTEGER NOT NULL, core_persona JSON, platform_personas JSON, quality_metrics JSON,
    selected_platforms JSON, created_at TIMESTAMP, updated_at TIMESTAMP, PRIMARY KEY (id),
    FOREIGN KEY(session_id) REFERENCES onboarding_sessions (id) ON DELETE CASCADE
);
CREATE TABLE user_business_info (
    id SERIAL NOT NULL, user_id {user_id}, business_description TEXT NOT NULL, industry VARCHAR(100),
    target_audience TEXT, business_goals TEXT, created_at TIMESTAMP, updated_at TIMESTAMP, PRIMARY KEY (id)
);
"""


def tables(user_id: str) -> str:
    """The CREATE TABLE statements for Postgres, with `user_id` of the given type."""
    return TABLES.format(user_id=user_id)


def tables_for_sqlite(user_id: str) -> str:
    """The same for SQLite, as SQLAlchemy wrote them there."""
    return tables(user_id).replace("SERIAL", "INTEGER").replace("TIMESTAMP", "DATETIME")


def many_sessions(path: Path, sessions: int) -> None:
    """Make an old SQLite database whose user ids are of every kind, with an API key for each session."""
    ids = ((1608185393, 3, "user_2KF", "büro|7")[number % 4] for number in range(sessions))
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(tables_for_sqlite("INTEGER"))
        database.execute("CREATE INDEX ix_onboarding_sessions_user_id ON onboarding_sessions (user_id)")
        database.executemany(
            "INSERT INTO onboarding_sessions (user_id, progress) VALUES (?, 16.66)", ((i,) for i in ids)
        )
        database.execute(
            "INSERT INTO api_keys (session_id, provider, key) SELECT id, 'exa', id FROM onboarding_sessions"
        )
