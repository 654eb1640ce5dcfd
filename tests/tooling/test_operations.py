"""docs/OPERATIONS.md: its queries run, and its list of log lines is complete."""

from __future__ import annotations

import ast
import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from dev.harness.client import Client
from dev.harness.wizard import SAMPLES
from dev.local_postgres import LocalPostgres, binaries
from dev.settings import ROOT
from tests.support.inspection import Superuser

TEXT = (ROOT / "docs" / "OPERATIONS.md").read_text()
QUERIES = dict(re.findall(r"^### \d+\. ([^\n]+)\n[^#]*?```sql\n(.*?)```", TEXT, re.MULTILINE | re.DOTALL))
KEY = {"provider": "gemini", "api_key": "AIzaSyA-sample-key-for-development"}


@pytest.fixture
def rows(http: Client, database: Superuser, database_url: str) -> Iterator[psycopg.Cursor[tuple[object, ...]]]:
    """A cursor of the operator's role, on a database with a user who is at step 3 and one who is stuck at step 2."""
    for number, step in enumerate(("api_keys", "website"), start=1):
        body = {"data": SAMPLES[step]}
        assert http.post(f"/api/onboarding/step/{number}/complete", json=body, user="user_2abc").status == 200
    assert http.post("/api/onboarding/step/4/skip", user="user_2abc").status == 200
    assert http.post("/api/onboarding/api-keys", json=KEY, user="user_stuck").status == 200
    stuck = "UPDATE {} SET updated_at = now() - interval '8 days' WHERE user_id = 'user_stuck'"
    database.execute(stuck.format("onboarding_sessions"))
    database.execute(
        "UPDATE onboarding_sessions SET started_at = now() - interval '2 hours', completed_at = now()"
        " WHERE user_id = 'user_2abc'"
    )
    with psycopg.connect(database_url, options="-c role=onboarding_operator") as connection:
        yield connection.cursor()


EXPECTED: dict[str, dict[str, object]] = {
    "Where does this user stand?": {"step_key": "api_keys", "status": "completed"},
    "Where do people get stuck?": {"furthest": "api_keys", "users": 1},
    "How many began and how many completed, week by week?": {"began": 2, "completed": 1},
    "How long does onboarding take?": {},
    "Which steps are skipped, and how often?": {"step_key": "persona", "skipped": 1},
    "Which providers' keys do people have?": {"provider": "gemini", "users": 2},
    "Under which encryption keys are they?": {},
    "Who stores most?": {"user_id": "user_2abc"},
    "Which work was begun and never finished?": {},
    "How large is which table, and how many accounts were erased?": {"erased_in_30_days": 0},
}


def test_there_are_ten_queries() -> None:
    """As many as the heading says, and each is tested."""
    assert list(QUERIES) == list(EXPECTED)
    assert len(QUERIES) == 10


def test_each_query_answers_its_question(rows: psycopg.Cursor[tuple[object, ...]]) -> None:
    """As the operator's role, on a database that requests have filled."""
    for question, query in QUERIES.items():
        found = rows.execute(query.encode()).fetchall()
        names = [column.name for column in rows.description or ()]
        assert found or not EXPECTED[question], question
        first = dict(zip(names, found[0], strict=True)) if found else {}
        assert first.items() >= EXPECTED[question].items(), (question, first)


def test_unfinished_drafts_are_found(
    rows: psycopg.Cursor[tuple[object, ...]], http: Client, database: Superuser
) -> None:
    """A draft that is a week old is one that was left."""
    database.execute(
        "UPDATE onboarding_steps SET draft = '{}', draft_saved_at = now() - interval '8 days'"
        " WHERE user_id = 'user_2abc' AND step_key = 'website'"
    )
    query = QUERIES["Which work was begun and never finished?"]
    assert rows.execute(query.encode()).fetchall()[0][:2] == ("website", 1)


def test_a_draft_counts_as_stored(rows: psycopg.Cursor[tuple[object, ...]], http: Client) -> None:
    """Who has nothing but a large draft stores most, and is found first."""
    draft = {"data": {"notes": "x" * 100_000}}
    assert http.request("PUT", "/api/onboarding/step/3/draft", json=draft, user="user_draft").status == 200
    assert rows.execute(QUERIES["Who stores most?"].encode()).fetchall()[0] == ("user_draft", "98 kB")


def test_the_fingerprints_are_those_of_the_key_ring(
    rows: psycopg.Cursor[tuple[object, ...]], environment: dict[str, str]
) -> None:
    """The command in "Key ring" and question 7 speak of the same thing."""
    query = QUERIES["Under which encryption keys are they?"]
    (row,) = rows.execute(query.encode()).fetchall()
    (command,) = re.findall(r"^python (-c '.*?')\n```", TEXT, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        ["sh", "-c", f'"$PYTHON" {command}'],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{row[0]}\n"
    key = base64.urlsafe_b64decode(environment["API_KEY_ENCRYPTION_KEYS"])
    assert done.stdout.strip() == hashlib.sha256(key).hexdigest()[:8]


def test_the_owner_cannot_dump(database_url: str, postgres: LocalPostgres) -> None:
    """What the restore drill says of pg_dump."""
    done = subprocess.run([binaries() / "pg_dump", database_url], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "query would be affected by row-level security policy" in done.stderr


def test_every_log_line_is_explained() -> None:
    """Whoever adds a log line says what it means."""
    (table,) = re.findall(r"^## What each log line means\n(.*?)\n## ", TEXT, re.MULTILINE | re.DOTALL)
    messages = [message for file in (ROOT / "lib").rglob("*.py") for message in _logged(file.read_text())]
    assert len(messages) > 8
    unexplained = [message for message in messages if (start := message.split("%s")[0].strip()) and start not in table]
    assert unexplained == []


def _logged(source: str) -> Iterator[str]:
    """Yield the messages that a module logs."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and ast.unparse(node.func.value) == "_log"
        ):
            # `_log.log` takes the level first.
            message = node.args[1 if node.func.attr == "log" else 0]
            assert isinstance(message, ast.Constant), ast.unparse(node)
            yield str(message.value)
