"""Invented old databases and files: all that is in them is accounted for, and a second run changes nothing."""

import json
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.config import Settings
from lib.db.encryption import KeyRing
from migrations.legacy.identity import safe_name, user_hash
from migrations.legacy.progress_file import provider_name
from scripts.import_legacy import main
from tests.legacy.old_schema import tables_for_sqlite

USERS = ["user_2KF", "user_Ärger", "user_a.b", "user_a_b", "user_🦆"]
USER_IDS = st.sampled_from(
    [*USERS, *map(user_hash, USERS), *map(str, map(user_hash, USERS[:2])), 1, 2, 3, 999999999, ""]
)
SESSION_IDS = st.sampled_from([1, 2, 3, 4, 5, 77, *map(user_hash, USERS), None, "user_2KF"])
TIMES = st.none() | st.sampled_from(
    ["2025-01-01 00:00:00", "2025-06-01 12:30:00.25", "2025-06-01T12:30:00.250001", "9999-12-31 23:59:59", "yesterday"]
)
TEXT = st.text(max_size=12) | st.sampled_from(["a\x00b", "\ud800", "落ち着いた", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=6,
)
JSON_TEXT = st.none() | JSON.map(json.dumps) | st.sampled_from(["{broken", "", "null"])
STORABLE = TEXT.map(lambda text: text.encode("utf-8", "replace").decode())


def row(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A row with times of every kind."""
    return st.fixed_dictionaries({**columns, "updated_at": TIMES})


SESSION = row(
    user_id=USER_IDS,
    current_step=st.sampled_from([None, 0, 1, 3, 6, 9]),
    progress=st.sampled_from([None, 0.0, 33.3, 50.0, 100.0]),
    started_at=TIMES,
)
CHILDREN = {
    "api_keys": row(
        session_id=SESSION_IDS,
        provider=st.sampled_from(["exa", "metaphor", "Gemini", "ollama"]),
        key=STORABLE,
        created_at=TIMES,
    ),
    "website_analyses": row(
        session_id=SESSION_IDS.filter(bool),
        website_url=st.sampled_from(["https://a.example", "", "ü"]),
        analysis_date=TIMES,
        writing_style=JSON_TEXT,
        crawl_result=JSON_TEXT,
        status=st.none() | STORABLE,
    ),
    "research_preferences": row(
        session_id=SESSION_IDS.filter(bool),
        research_depth=st.sampled_from(["standard", "deep"]),
        content_types=JSON_TEXT.filter(bool),
        auto_research=st.sampled_from([None, 0, 1]),
        writing_style=JSON_TEXT,
    ),
    "persona_data": row(session_id=SESSION_IDS.filter(bool), core_persona=JSON_TEXT, selected_platforms=JSON_TEXT),
    "user_business_info": row(
        user_id=USER_IDS | st.none(), business_description=STORABLE, industry=st.none() | STORABLE
    ),
}
DATABASE = st.fixed_dictionaries(
    {
        "onboarding_sessions": st.lists(SESSION, max_size=5),
        **{table: st.lists(child, max_size=4) for table, child in CHILDREN.items()},
    }
)
STEP = st.fixed_dictionaries(
    {
        "step_number": st.sampled_from([1, 2, 3, 4, 5, 6, 7, "2", None]),
        "status": st.sampled_from(["completed", "skipped", "pending", "in_progress", "odd"]),
        "completed_at": TIMES,
        "data": JSON
        | st.sampled_from(
            [
                {"api_keys": {"exa": "k" * 20, "metaphor": "m" * 20, "gemini": None}, "echo": "k" * 20},
                {"website": "https://a.example", "analysis": {"writing_style": {"tone": "a"}}},
                {"website": "not a url", "analysis": "nor this"},
                {"website": None, "businessData": {"industry": "Food", "business_goals": 3, "more": 1e300}},
                {"competitors": [1], "analysis": {"writing_style": {"tone": "b"}}, "research_depth": "EXPERT"},
                {"corePersona": {"identity": {}}, "platformPersonas": {"x": 1e300}},
                {"connectedPlatforms": "wix", "email": 3},
            ]
        ),
        "validation_errors": JSON,
    }
)
FILE = st.fixed_dictionaries(
    {
        "steps": st.lists(STEP, max_size=5),
        "current_step": JSON,
        "started_at": TIMES,
        "last_updated": TIMES,
        "is_completed": st.booleans(),
        "completed_at": TIMES,
    }
).map(json.dumps) | st.sampled_from(["", "[]", '{"steps": 3}', '{"steps": [3]}'])
FILES = st.dictionaries(
    st.sampled_from([*map(safe_name, USERS), str(user_hash(USERS[0])), "3", None]), FILE, max_size=4
)
TABLES = (
    "onboarding_sessions",
    "onboarding_steps",
    "api_keys",
    "website_analyses",
    "research_preferences",
    "persona_data",
    "platform_integrations",
    "business_info",
)

TABLE_OF_KIND = {
    "sessions": "onboarding_sessions",
    "personas": "persona_data",
    "business_info": "user_business_info",
}


def write_database(path: Path, content: dict[str, list[dict[str, Any]]]) -> None:
    """Make an old SQLite database, foreign keys unchecked as the old software left them."""
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(tables_for_sqlite("INTEGER"))
        for table, rows in content.items():
            for values in rows:
                marks = ", ".join("?" * len(values))
                names = ", ".join(values)
                database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()))  # noqa: S608


def write_files(folder: Path, files: dict[str | None, str]) -> None:
    """Write progress files; None names the one from before users were told apart."""
    for name, text in files.items():
        suffix = "" if name is None else f"_{name}"
        (folder / f".onboarding_progress{suffix}.json").write_text(text)


def held(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all users, ciphertexts and times included."""
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE onboarding_operator")
        return {
            table: connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1".encode()).fetchall()  # noqa: S608
            for table in TABLES
        }


def stored_keys(url: str) -> dict[tuple[str, str], str | None]:
    """The keys by user and provider."""
    ring = KeyRing(Settings(os.environ).api_key_encryption_keys)
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE onboarding_operator")
        rows = connection.execute("SELECT user_id, provider, encrypted_key FROM api_keys").fetchall()
    return {(user, provider): ring.decrypt(user, provider, sealed) for user, provider, sealed in rows}


def expected_keys(content: dict[str, list[dict[str, Any]]]) -> set[tuple[str, str]]:
    """Which users must have a key of which provider, by rules written down anew."""
    by_hash = {user_hash(user): user for user in USERS}
    sessions = {number: entry["user_id"] for number, entry in enumerate(content["onboarding_sessions"], 1)}
    known = {name for name in sessions.values() if name in USERS}
    found = set()
    for entry in content["api_keys"]:
        owner = sessions.get(entry["session_id"], entry["session_id"])
        owner = int(owner) if isinstance(owner, str) and owner.isdigit() else owner
        owner = by_hash.get(owner, owner)
        if owner in (known | {"user_2KF"} if entry["session_id"] == "user_2KF" else known) and entry["key"].strip():
            found.add((owner, provider_name(entry["provider"])))
    return found


def unreadable_files(report: dict[str, Any]) -> list[str]:
    """The files that could not be read at all; a text that was replaced, or an odd step, leaves a file readable."""
    problems = ("not JSON", "not a progress file", "nested deeper")
    return [entry["place"] for entry in report["broken"] if entry["problem"].startswith(problems)]


@pytest.mark.fuzz
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=DATABASE, files=FILES)
def test_all_is_accounted_for_and_a_second_run_changes_nothing(
    environment: dict[str, str], content: dict[str, list[dict[str, Any]]], files: dict[str | None, str]
) -> None:
    """Orphans, duplicates, ids of mixed types, nulls, broken JSON and odd text: found is what became of it, twice."""
    url = environment["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        connection.execute("TRUNCATE onboarding_sessions CASCADE")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_database(folder / "old.db", content)
        write_files(folder, files)
        report = folder / "report.json"
        command = ["--to", url, "--files", name, "--database", f"sqlite:///{folder}/old.db", "--report", str(report)]
        code = main([*command, "--dry-run"])
        assert all(rows == [] for rows in held(url).values())
        rehearsed = json.loads(report.read_text())
        assert rehearsed["balanced"]
        assert code == (0 if files and not unreadable_files(rehearsed) else 1)
        assert main(command) == code
        first = json.loads(report.read_text())
        assert first["reconciliation"] == rehearsed["reconciliation"]
        for line in first["reconciliation"]:
            kind = TABLE_OF_KIND.get(line["kind"], line["kind"])
            if line["source"] == "old.db":
                assert line["found"] == len(content[kind])
        if not files:
            assert set(stored_keys(url)) == expected_keys(content)
        after = held(url)
        assert main(command) == code
        assert held(url) == after
        second = json.loads(report.read_text())["reconciliation"]
        assert sum(line["imported"] for line in second) == 0
        assert [line["unmatched"] for line in second] == [line["unmatched"] for line in first["reconciliation"]]
