"""Invented users as the old system stored its own, in files and a SQLite database: for tests and benchmarks."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from migrations.legacy.identity import user_hash
from migrations.legacy.statuses import OLD_STEPS

_TIME = "2025-10-11 12:00:00.5"
_STYLE = {"tone": "Ruhig", "voice": "Active", "complexity": "Moderate", "emotional_appeal": "Rational"}
_CRAWL = {"content": "Lorem ipsum " * 150, "success": True}
_SESSIONS = """
CREATE TABLE onboarding_sessions (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, current_step INTEGER,
    progress FLOAT, started_at DATETIME, updated_at DATETIME);
CREATE TABLE api_keys (id INTEGER PRIMARY KEY, session_id INTEGER, provider VARCHAR(64), "key" VARCHAR(256),
    created_at DATETIME, updated_at DATETIME);
CREATE TABLE website_analyses (id INTEGER PRIMARY KEY, session_id INTEGER, website_url VARCHAR(500),
    analysis_date DATETIME, writing_style JSON, crawl_result JSON, status VARCHAR(50), updated_at DATETIME);
CREATE TABLE research_preferences (id INTEGER PRIMARY KEY, session_id INTEGER, research_depth VARCHAR(50),
    content_types JSON, auto_research BOOLEAN, factual_content BOOLEAN, updated_at DATETIME);
"""


def write_old_system(folder: Path, users: int) -> None:
    """Write a progress file and database rows for each of `users` invented users, half of them known by hash alone."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "old.db")) as database, database:
        database.executescript(_SESSIONS)
        for number in range(1, users + 1):
            user = f"user_{number:027d}"
            owner = user if number % 2 else user_hash(user)
            _write_rows(database, number, owner)
            (folder / f".onboarding_progress_{user}.json").write_text(json.dumps(_progress(number), indent=2))


def _write_rows(database: sqlite3.Connection, number: int, owner: object) -> None:
    session = (number, owner, 4, 50.0, _TIME, _TIME)
    database.execute("INSERT INTO onboarding_sessions VALUES (?, ?, ?, ?, ?, ?)", session)
    keys = [(number, name, key, _TIME, _TIME) for name, key in _keys(number).items()]
    columns = "session_id, provider, key, created_at, updated_at"
    database.executemany(f"INSERT INTO api_keys ({columns}) VALUES (?, ?, ?, ?, ?)", keys)  # noqa: S608 - constants
    style, crawl = json.dumps(_STYLE), json.dumps(_CRAWL)
    analysis = (number, number, _website(number), _TIME, style, crawl, "completed", _TIME)
    database.execute("INSERT INTO website_analyses VALUES (?, ?, ?, ?, ?, ?, ?, ?)", analysis)
    preferences = (number, number, "standard", "[]", 1, 1, _TIME)
    database.execute("INSERT INTO research_preferences VALUES (?, ?, ?, ?, ?, ?, ?)", preferences)


def _progress(number: int) -> dict[str, object]:
    website = {"website": _website(number), "analysis": {"writing_style": _STYLE, "crawl_result": _CRAWL}}
    rivals = [{"url": f"https://rival{rival}.example.net", "relevance_score": 0.9} for rival in range(5)]
    data = {1: {"api_keys": _keys(number)}, 2: website, 3: {**website, "competitors": rivals}}
    steps = [
        {
            "step_number": number,
            "title": step.title,
            "description": step.description,
            "status": "completed" if number in data else "pending",
            "completed_at": _TIME if number in data else None,
            "data": data.get(number),
            "validation_errors": [],
        }
        for number, step in OLD_STEPS.items()
    ]
    times = {"started_at": _TIME, "last_updated": _TIME}
    return {"steps": steps, "current_step": 4, **times, "is_completed": False, "completed_at": None}


def _keys(number: int) -> dict[str, str]:
    return {"gemini": f"AIza{number:035d}", "copilotkit": f"ck_pub_{number:032x}"}


def _website(number: int) -> str:
    return f"https://shop{number}.example.com"
