"""Every file and database of the old software in, then compared field by field over the HTTP API, as those users."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from dev.harness.client import Client
from lib import bootstrap
from migrations.legacy.identity import user_hash
from migrations.legacy.old_rows import TABLES
from scripts.import_legacy import main
from tests.legacy.old_schema import tables
from tests.legacy.test_adoption import upgrade

JSON_FIELDS = ("writing_style", "content_characteristics", "target_audience", "recommended_settings")
STYLE_FIELDS = (*JSON_FIELDS, "content_type", "brand_analysis", "content_strategy_insights")
ORDERS = (("files", "string", "integer"), ("integer", "string", "files"))


def cases(legacy: Path) -> list[dict[str, Any]]:
    """The users and what became of each."""
    found: list[dict[str, Any]] = json.loads((legacy / "expected.json").read_text())
    return found


def progress(legacy: Path, user: str) -> dict[str, Any]:
    """The user's progress file."""
    found: dict[str, Any] = json.loads((legacy / f".onboarding_progress_{user}.json").read_text())
    return found


def rows(path: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table, JSON read."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        found = database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - a constant
    return [{name: parsed(row[name]) for name in row.keys()} for row in found]  # noqa: SIM118 - a Row is no dict


def parsed(value: Any) -> Any:
    """JSON where a text is JSON's object, list or null."""
    return json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[", "n") else value


def as_utc(text: str) -> datetime:
    """An old time, which is UTC, or one of the API's."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def user_of(legacy: Path, number: int) -> str:
    """The user whom the integer database knows by that number."""
    return next(str(case["user_id"]) for case in cases(legacy) if case["integer_db_user_id"] == number)


@pytest.fixture(params=ORDERS, ids="-".join)
def imported(
    request: pytest.FixtureRequest, legacy: Path, http: Client, environment: dict[str, str], tmp_path: Path
) -> Client:
    """The API over a database into which everything was imported."""
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(str(case["user_id"]) for case in cases(legacy)))
    assignments = [f"--assign={number}={user_of(legacy, number)}" for number in (3, 6)]
    sources = {
        "files": ["--files", str(legacy)],
        "string": ["--database", f"sqlite:///{legacy}/alwrity_string_ids.db"],
        "integer": ["--database", f"sqlite:///{legacy}/alwrity_integer_ids.db", "--user-ids", str(ids), *assignments],
    }
    for source in request.param:
        assert main(["--to", environment["DATABASE_URL"], *sources[source]]) == 0
    return http


def get(http: Client, user: str, path: str) -> Any:
    """What the API answers to that user."""
    response = http.get(f"/api/onboarding/{path}", user=user)
    assert response.status == 200, response.text
    return response.json()


def check_steps_come_back_as_the_files_hold_them(imported: Client, legacy: Path) -> None:
    """Each step's status, time and every field of its data; step 1's keys whole where they are shown whole."""
    for case in cases(legacy):
        user = case["user_id"]
        for step in progress(legacy, user)["steps"]:
            shown = get(imported, user, f"step/{step['step_number']}")
            assert shown["status"] == step["status"], (case["case"], step["step_number"])
            if step["completed_at"]:
                assert as_utc(shown["completed_at"]) == as_utc(step["completed_at"])
            assert shown["validation_errors"] == step["validation_errors"]
            if step["step_number"] > 1:
                assert shown["data"] == step["data"]
            else:
                assert get(imported, user, "api-keys/onboarding")["api_keys"] == step["data"]["api_keys"]


def check_where_users_stand(imported: Client, legacy: Path) -> None:
    """Current step, completion, beginning and end are those of the file; the share counts skipped steps too."""
    for case in cases(legacy):
        stored, status = progress(legacy, case["user_id"]), get(imported, case["user_id"], "status")
        finished = [step for step in stored["steps"] if step["status"] in {"completed", "skipped"}]
        assert (status["is_completed"], status["current_step"]) == (case["completed"], stored["current_step"])
        share = 100.0 if case["completed"] else len(finished) / 6 * 100
        assert status["completion_percentage"] == pytest.approx(share)
        assert as_utc(status["started_at"]) == as_utc(stored["started_at"])
        if stored["completed_at"]:
            # A database notes no end, so one that came first gives its session's last change.
            assert abs(as_utc(status["completed_at"]) - as_utc(stored["completed_at"])) < timedelta(seconds=1)


def check_rows_come_back_as_the_database_holds_them(imported: Client, legacy: Path) -> None:
    """Every field of the analyses, preferences, personas and keys of both old databases, over the API."""
    for name in ("alwrity_string_ids.db", "alwrity_integer_ids.db"):
        check_rows_of(imported, legacy / name, owners(legacy, legacy / name))


def owners(legacy: Path, path: Path) -> dict[int, str]:
    """Whom a session's id, or a hash in its place, stands for."""
    numbers = {case["integer_db_user_id"]: case["user_id"] for case in cases(legacy)}
    hashes = {user_hash(case["user_id"]): case["user_id"] for case in cases(legacy)}
    sessions = rows(path, "onboarding_sessions")
    return hashes | {row["id"]: numbers.get(row["user_id"], row["user_id"]) for row in sessions}


def check_rows_of(imported: Client, path: Path, users: dict[int, str]) -> None:
    """Compare the rows of one database with what its users are shown."""
    for row in rows(path, "website_analyses"):
        shown = get(imported, users[row["session_id"]], "website-analysis")
        assert shown["website_url"] == row["website_url"]
        assert shown["status"] == row["status"]
        assert {name: shown["style_analysis"][name] for name in STYLE_FIELDS} == {
            name: row[name] for name in STYLE_FIELDS
        }
        for name in ("crawl_result", "style_patterns", "style_guidelines"):
            assert shown[name] == row[name]
        existing = get(
            imported, users[row["session_id"]], f"style-detection/check-existing/{quote(row['website_url'], '')}"
        )
        assert existing["exists"]
        # The old tables kept whole seconds.
        assert abs(as_utc(existing["analysis_date"]) - as_utc(row["analysis_date"])) < timedelta(seconds=1)
    for row in rows(path, "research_preferences"):
        shown = get(imported, users[row["session_id"]], "research-preferences")
        assert shown["research_depth"] == row["research_depth"].capitalize()
        assert shown["content_types"] == row["content_types"]
        assert (shown["auto_research"], shown["factual_content"]) == (
            bool(row["auto_research"]),
            bool(row["factual_content"]),
        )
        assert all(shown[name] == row[name] for name in JSON_FIELDS if row[name] is not None)
    for row in rows(path, "persona_data") if "string" in path.name else ():
        shown = get(imported, users[row["session_id"]], "step4/persona-latest")["persona"]
        for name in ("core_persona", "platform_personas", "quality_metrics", "selected_platforms"):
            assert shown[name] == row[name]
    for row in rows(path, "api_keys"):
        assert get(imported, users[row["session_id"]], "api-keys/onboarding")["api_keys"][row["provider"]] == row["key"]


def check_summary_shows_everything_to_step_6(imported: Client, legacy: Path) -> None:
    """Step 6 sees the website, the preferences with the wizard's own fields, the persona and the integrations."""
    for case in cases(legacy):
        steps = {step["step_number"]: step["data"] or {} for step in progress(legacy, case["user_id"])["steps"]}
        summary = get(imported, case["user_id"], "summary")
        assert summary["website_url"] == steps[2].get("website")
        for name, value in steps[3].items():
            assert summary["research_preferences"][name] == value
        assert (summary["persona"] or {}).get("corePersona") == steps[4].get("corePersona")
        assert summary["integrations"] == steps[5]
        assert "…" in summary["api_keys"]["gemini"]


def test_everything_comes_back_field_by_field(imported: Client, legacy: Path) -> None:
    """Whatever came first, file or database, each user sees over the API what the old system had stored of them."""
    check_where_users_stand(imported, legacy)
    check_steps_come_back_as_the_files_hold_them(imported, legacy)
    check_rows_come_back_as_the_database_holds_them(imported, legacy)
    check_summary_shows_everything_to_step_6(imported, legacy)


def test_adopted_tables_come_back_field_by_field(
    http: Client, environment: dict[str, str], empty_database_url: str, legacy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old software's Postgres, migrated in place, shows each user all that its rows held."""
    path = legacy / "alwrity_string_ids.db"
    fill_old_postgres(empty_database_url, path)
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    upgrade(empty_database_url, environment["API_KEY_ENCRYPTION_KEYS"])
    bootstrap.reset()
    check_rows_of(http, path, owners(legacy, path))
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'legacy'").fetchone() is None


def fill_old_postgres(url: str, path: Path) -> None:
    """Make the old software's tables in a Postgres, with the rows of a SQLite database."""
    with psycopg.connect(url) as connection, closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        connection.execute(tables("VARCHAR(255)").encode())
        there = {str(name) for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in (name for name in TABLES.values() if name in there):
            cursor = database.execute(f"SELECT * FROM {table}")  # noqa: S608 - a constant
            names = ", ".join(column[0] for column in cursor.description)
            for row in cursor:
                marks = ", ".join(["%s"] * len(row))
                # As text, of which Postgres makes what the column is.
                values = [None if value is None else str(value) for value in row]
                connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})".encode(), values)  # noqa: S608


def test_database_alone_gives_payloads_in_the_wizards_shape(
    http: Client, environment: dict[str, str], legacy: Path
) -> None:
    """Without files, steps 2 to 4 are rebuilt in the shape that the wizard sends, and skipped steps are inferred."""
    path = legacy / "alwrity_string_ids.db"
    assert main(["--to", environment["DATABASE_URL"], "--database", f"sqlite:///{path}"]) == 0
    for case in cases(legacy):
        for step in progress(legacy, case["user_id"])["steps"][1:4]:
            shown = get(http, case["user_id"], f"step/{step['step_number']}")
            assert shown["status"] == step["status"]
            payload = step["data"] or {}
            if step["step_number"] == 2 and payload:
                known = {name: payload[name] for name in ("website", "domainName", "analysis")}
                assert shown["data"] == known
            if step["step_number"] == 4 and payload:
                fields = ("corePersona", "platformPersonas", "qualityMetrics", "selectedPlatforms")
                assert shown["data"] == {name: payload[name] for name in fields}
            if step["step_number"] == 3 and "competitors" not in payload:
                assert shown["data"] == step["data"]
        assert get(http, case["user_id"], "status")["current_step"] == progress(legacy, case["user_id"])["current_step"]
