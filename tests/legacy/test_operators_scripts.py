"""What an operator meets on the command line: help, refusals in one line, and never a secret."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest

from dev.harness.client import Client
from dev.settings import ROOT
from migrations.legacy.progress_line import ProgressLine
from scripts.import_legacy import main as import_legacy
from scripts.migrate_user_id_to_string import main as migrate_user_id
from scripts.verify_onboarding_data import main as verify
from tests.legacy.test_import_rules import write
from tests.support.inspection import Superuser

SCRIPTS = (
    "import_legacy",
    "migrate_user_id_to_string",
    "verify_onboarding_data",
    "rotate_api_keys",
    "retention",
    "doctor",
    "funnel",
)
UNUSABLE = (
    "nonsense",
    "mysql://root:hunter2@localhost/db",
    "postgresql://someone:hunter2@127.0.0.1:1/nothing",
    "postgresql://someone:hun%ter2@host:port/db",
    "sqlite:///no/such/file.db",
    "sqlite://",
)
KEY = "AIza-a-whole-key-of-somebody"


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_has_an_example(script: str, tmp_path: Path) -> None:
    """Each runs as a file, from anywhere, and shows how it is called."""
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"python scripts/{script}.py" in done.stdout


@pytest.mark.parametrize("url", UNUSABLE)
def test_url_that_cannot_be_used_is_refused_in_one_line(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit code 2, a single line, and no password in it."""
    monkeypatch.setenv("DATABASE_URL_UNPOOLED", url)
    calls: tuple[Callable[[], int], ...] = (
        lambda: migrate_user_id([url]),
        lambda: import_legacy(["--to", url, "--files", str(tmp_path)]),
        lambda: verify([]),
    )
    for call in calls:
        assert call() == 2
        printed = capsys.readouterr()
        assert printed.err.count("\n") == 1
        assert "hun" not in printed.out + printed.err


def test_file_that_is_no_database_is_refused_in_one_line(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither script takes a text file for a SQLite database."""
    path = tmp_path / "text.db"
    path.write_text("this is no database " * 100)
    assert migrate_user_id([f"sqlite:///{path}"]) != 0
    assert capsys.readouterr().err.count("\n") == 1
    assert import_legacy(["--to", environment["DATABASE_URL"], "--database", f"sqlite:///{path}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["--files", "no/such/folder"], ["--files", ".", "--assign", "3"], ["--files", ".", "--assign", "3=4"]],
)
def test_import_refuses_what_makes_no_sense(
    environment: dict[str, str], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """No source, a folder that is not there, an assignment to nobody: one line, exit code 2."""
    assert import_legacy(["--to", environment["DATABASE_URL"], *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_import_needs_the_new_tables(
    empty_database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A target that was never migrated is refused with what to do."""
    assert import_legacy(["--to", empty_database_url, "--files", str(tmp_path)]) == 2
    assert "python -m migrations" in capsys.readouterr().err


def test_import_needs_the_encryption_key_once_there_is_a_key(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variable is named, and nothing is stored plain or otherwise."""
    write(tmp_path, "user_A", {1: {"api_keys": {"gemini": KEY}}})
    monkeypatch.delenv("API_KEY_ENCRYPTION_KEYS")
    assert import_legacy(["--to", environment["DATABASE_URL"], "--files", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "cannot import: API_KEY_ENCRYPTION_KEYS is not set"


def test_verify_tells_how_far_a_user_is(
    http: Client, environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 when steps 1 to 3 are there, 1 with what is missing, 2 for an unknown user; keys are masked."""
    website = {"website": "https://a.example", "analysis": {"writing_style": {"tone": "Ruhig"}}}
    research = {"competitors": [{"url": "https://b.example"}]}
    write(tmp_path, "user_A", {1: {"api_keys": {"gemini": KEY}}, 2: website, 3: research})
    write(tmp_path, "user_B", {1: {"api_keys": {"gemini": KEY}}})
    write(tmp_path, "user_C", {1: {"api_keys": {}}, 2: website, 3: research})
    assert import_legacy(["--to", environment["DATABASE_URL"], "--files", str(tmp_path)]) == 0
    capsys.readouterr()
    assert [verify([user]) for user in ("user_A", "user_B", "user_C", "user_D")] == [0, 1, 1, 2]
    printed = capsys.readouterr().out
    assert KEY not in printed
    assert "AIza…body" in printed
    assert "missing for completion: step 2 (Website Analysis), step 3 (AI Research)\n" in printed
    assert "missing for completion: an API key\n" in printed
    assert "user: unknown" in printed


def test_verify_speaks_json(environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts: the session, six steps with statuses, sizes and times, and what is missing."""
    write(tmp_path, "user_A", {1: {"api_keys": {"gemini": KEY}}})
    import_legacy(["--to", environment["DATABASE_URL"], "--files", str(tmp_path)])
    capsys.readouterr()
    assert verify(["user_A", "--json"]) == 1
    described = json.loads(capsys.readouterr().out)
    assert described["schema"]["revision"] == described["schema"]["expected_revision"]
    assert [step["status"] for step in described["user"]["steps"]] == ["completed"] + ["pending"] * 5
    assert described["user"]["steps"][0]["stored"][0]["key"] == "AIza…body"
    assert described["user"]["session"]["current_step"] == 2


def test_verify_counts_without_a_user(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All tables, all users, as the operator's role that may read them."""
    for name in ("user_A", "user_B"):
        write(tmp_path, name, {1: {"api_keys": {"gemini": KEY}}})
    import_legacy(["--to", environment["DATABASE_URL"], "--files", str(tmp_path)])
    capsys.readouterr()
    assert verify(["--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["rows"]["api_keys"] == 2


def test_verify_says_when_there_are_no_tables(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A database that was never migrated is not complete."""
    monkeypatch.setenv("DATABASE_URL_UNPOOLED", empty_database_url)
    assert verify([]) == 1
    assert "onboarding_steps (MISSING)" in capsys.readouterr().out


def test_verify_is_written_for_reading(
    http: Client, database: Superuser, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """How much, how long ago and how large, on a screenful; no list of columns."""
    analysis = {"writing_style": {"tone": "Warm" * 605}}
    for number, data in {
        1: {"api_keys": {"gemini": KEY}},
        2: {"website": "https://a.example", "analysis": analysis},
        3: {"competitors": []},
    }.items():
        assert http.post(f"/api/onboarding/step/{number}/complete", json={"data": data}, user="user_A").status == 200
    assert http.post("/api/onboarding/step/4/skip", user="user_A").status == 200
    for table in ("onboarding_sessions", "website_analyses"):
        database.execute(f"UPDATE {table} SET updated_at = now() - interval '3 hours 5 minutes'")  # noqa: S608
    assert verify(["user_A"]) == 0
    shown = capsys.readouterr().out
    assert "progress: 66.7 %, at step 5, started just now, last changed 3 hours ago\n" in shown
    assert "  2 Website Analysis             completed just now, 2.5 KB\n" in shown
    assert "      https://a.example, 2.5 KB, 3 hours ago\n" in shown
    assert "  4 Personalization (optional)   skipped just now\n" in shown
    assert "_bytes" not in shown
    assert len(shown.splitlines()) <= 24


def test_verify_tells_what_happened_to_a_user(http: Client, environment: dict[str, str]) -> None:
    """The history, newest first: each event with how long ago and its request; in JSON its time in UTC."""
    for path in ("start", "step/4/skip"):
        assert http.post(f"/api/onboarding/{path}", user="user_A").status == 200
    shown = _run_verify("user_A", "--history")
    assert re.search(r"\nhistory, the newest first:\n  just now +step\.skipped +persona\n {18}request \S+\n", shown)
    events = json.loads(_run_verify("user_A", "--json", "--history"))["history"]
    assert events[0]["step"] == "persona"
    assert events[-1]["kind"] == "onboarding.started"
    times = [datetime.fromisoformat(event["at"]) for event in events]
    assert times == sorted(times, reverse=True)
    assert {time.utcoffset() for time in times} == {timedelta(0)}


def _run_verify(*arguments: str) -> str:
    """What the script prints of a user who is not done yet."""
    command = [sys.executable, str(ROOT / "scripts" / "verify_onboarding_data.py"), *arguments]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    return done.stdout


def test_verify_tells_an_erased_user_from_an_unknown_one(
    database: Superuser, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Support need not search for what was erased on purpose. For scripts nothing is added."""
    hashed = "encode(sha256('user_A'), 'hex')"
    database.execute(f"INSERT INTO erased_users VALUES ({hashed}, now() - interval '50 hours')")  # noqa: S608
    assert verify(["user_A"]) == 2
    assert "user: unknown\nthis account was erased 2 days ago, on " in capsys.readouterr().out
    assert verify(["user_B"]) == 2
    assert "erased" not in capsys.readouterr().out
    assert verify(["user_A", "--json"]) == 2
    assert json.loads(capsys.readouterr().out).keys() == {"database", "schema", "user"}


class Terminal(StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        """Be one."""
        return True


def test_progress_is_a_bar_on_a_terminal() -> None:
    """With how many are done, the rate and the time left, redrawn in place."""
    terminal = Terminal()
    line = ProgressLine(4, "users", terminal)
    line.advance(2)
    line.finish()
    assert re.fullmatch(r"\r\[#+\.+\] 2/4 users, \d+/s, \d+ s left\n", terminal.getvalue())


def test_progress_is_plain_lines_where_there_is_no_terminal(environment: dict[str, str], tmp_path: Path) -> None:
    """A log file gets lines with rate and time left, no control characters."""
    write(tmp_path, "user_A", {5: {}})
    command = [sys.executable, str(ROOT / "scripts" / "import_legacy.py"), "--to", environment["DATABASE_URL"]]
    done = subprocess.run(
        [*command, "--files", str(tmp_path)], env=os.environ, capture_output=True, text=True, check=True
    )
    assert "1/1 users" in done.stderr
    assert "\r" not in done.stderr + done.stdout
