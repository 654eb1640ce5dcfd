"""The import as an operator under pressure meets it: every mistake is an exit code and a count, and costs no data."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dev.harness.client import Client
from dev.settings import ROOT, new_encryption_key
from lib import bootstrap
from scripts.import_legacy import main
from scripts.migrate_user_id_to_string import main as migrate_user_id
from tests.legacy.old_schema import many_sessions, tables_for_sqlite
from tests.legacy.target_state import all_users
from tests.legacy.test_import_rules import KEY, NEW, key, session, write

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for progress files."""
    path = tmp_path / "files"
    path.mkdir()
    return path


@pytest.fixture
def run(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Run:
    """Imports in this process and gives exit code, standard output and standard error."""

    def import_once(*arguments: object) -> tuple[int, str, str]:
        code = main(["--to", environment["DATABASE_URL"], *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return import_once


def test_files_that_cannot_be_read_are_counted(
    run: Run, folder: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Corrupt and unreadable files fail the run, each by its name; the others are imported."""
    write(folder, "user_A", {5: {}})
    (folder / ".onboarding_progress_user_B.json").write_text('{"steps": [')
    write(folder, "user_C", {5: {}})
    read_bytes = Path.read_bytes

    def read_unless_c(path: Path) -> bytes:
        if "user_C" in path.name:  # root may read every file
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", read_unless_c)
    code, out, err = run("--files", folder)
    assert code == 1
    assert '2 files could not be read: see "broken" above.\n' in err
    assert "broken, 1 ×: cannot be read: Permission denied\n  files: .onboarding_progress_user_C.json\n" in out
    assert "run again" not in out + err
    assert all_users(environment["DATABASE_URL"]) == ["user_A"]


def test_an_assignment_of_nothing_fails_the_run(run: Run, folder: Path) -> None:
    """A typing error in --assign is named; what is right beside it counts."""
    write(folder, "user_A", {5: {}})
    (folder / ".onboarding_progress_user_A.json").rename(folder / ".onboarding_progress_7.json")
    arguments = ["--files", folder, "--assign", "7=user_A", "--assign", "99=user_B"]
    code, _, err = run(*arguments)
    assert (code, err.splitlines()[-1]) == (1, "1 --assign option for what is not there: 99.")
    assert run(*arguments[:4])[0] == 0


def test_a_folder_without_progress_files_fails_the_run(run: Run, folder: Path) -> None:
    """A wrong folder is no successful import of nothing."""
    (folder / "other.json").write_text("{}")
    code, _, err = run("--files", folder)
    assert code == 1
    assert f"There is no progress file in {folder}: " in err
    assert "Nothing was found to import." in err


def test_a_database_without_rows_fails_the_run(run: Run, tmp_path: Path) -> None:
    """All tables empty is what a wrong file looks like."""
    with closing(sqlite3.connect(tmp_path / "old.db")) as database:
        database.executescript(tables_for_sqlite("INTEGER"))
    code, _, err = run("--database", tmp_path / "old.db")
    assert (code, err.splitlines()[-1]) == (1, "Nothing was found to import.")


@pytest.mark.parametrize(
    ("variable", "arguments", "reason"),
    [
        ("nonsense", [], "API_KEY_ENCRYPTION_KEYS holds an entry that is not 32 bytes in URL-safe base64"),
        ("", [], "API_KEY_ENCRYPTION_KEYS is not set"),
        (None, ["--report", "no/such/folder/report.json"], "--report no/such/folder/report.json cannot be written"),
        (None, ["--report", "."], "--report . cannot be written: .: Is a directory"),
        (None, ["--user-ids", "no-such-file"], "--user-ids no-such-file: No such file or directory"),
        (None, ["--user-ids", __file__], "holds no Clerk id"),
    ],
)
def test_the_dry_run_finds_what_would_stop_the_real_one(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None, arguments: list[str], reason: str
) -> None:
    """Keys, the report's path and the ids are examined first, in one line."""
    write(folder, "user_A", {1: {"api_keys": {"gemini": KEY}}})
    if variable is not None:
        monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", variable)
    if __file__ in arguments:
        (folder.parent / "ids.txt").write_text("17\n\n18\n")
        arguments = ["--user-ids", str(folder.parent / "ids.txt")]
    code, _, err = run("--files", folder, "--dry-run", *arguments)
    assert code == 2
    assert err.splitlines()[-1].startswith("cannot import: ")
    assert reason in err


def test_a_dry_run_says_would_import(run: Run, folder: Path) -> None:
    """Nobody takes a rehearsal for the import."""
    write(folder, "user_A", {5: {}})
    rehearsal = run("--files", folder, "--dry-run")[1]
    assert "would import" in rehearsal
    assert " imported" not in rehearsal
    assert " imported" in run("--files", folder)[1]


def test_permission_denied_advises_permissions(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Running it again would not help, and nothing has to be deleted."""

    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    code, out, err = run("--files", folder)
    advice = "Permission denied to this user: change its permissions, or run as its owner"
    assert (code, err) == (1, f"stopped: {folder}: {advice}\n")
    assert "run again" not in out + err


def test_what_is_unmatched_is_grouped_by_old_id(run: Run, tmp_path: Path) -> None:
    """For each old id: what hints at its owner, how much there is, and the option to paste."""
    with closing(sqlite3.connect(tmp_path / "old.db", isolation_level=None)) as old:
        old.executescript(tables_for_sqlite("INTEGER"))
        number = session(old, 3, NEW)
        key(old, number, KEY)
        for site in ("https://bakery.example", "https://cakes.example"):
            columns = "session_id, website_url, updated_at"
            old.execute(f"INSERT INTO website_analyses ({columns}) VALUES (?, ?, ?)", (number, site, NEW))  # noqa: S608
        key(old, 77, KEY)
    code, out, _ = run("--database", tmp_path / "old.db")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "--assign 3=CLERK_ID" in out
    assert "--assign session_id:77=CLERK_ID" in out
    assert lines.index("api keys 1, sessions 1, website analyses 2: --assign 3=CLERK_ID") < lines.index(
        "api keys 1: --assign session_id:77=CLERK_ID"
    )
    hints = "3: a bare number that names nobody; https://bakery.example; https://cakes.example; last changed 2025-06-01"
    assert hints in " ".join(lines)


def test_many_unmatched_ids_do_not_fill_the_terminal(run: Run, tmp_path: Path) -> None:
    """The newest are shown; the report has all."""
    with closing(sqlite3.connect(tmp_path / "old.db", isolation_level=None)) as old:
        old.executescript(tables_for_sqlite("INTEGER"))
        for user in range(1, 101):
            session(old, user, f"2025-01-01T00:{user % 60:02}:00")
    _, out, _ = run("--database", tmp_path / "old.db", "--report", tmp_path / "report.json")
    assert out.count("  --assign ") == 20
    assert "… and 80 more, changed longer ago: see unmatched_ids in --report" in out
    assert (tmp_path / "report.json").read_text().count('"last": "2025-01-01T') == 100


def test_keys_of_another_ring_are_one_count(
    http: Client, environment: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a line for each of thousands of keys that cannot be decrypted."""
    body = {"provider": "gemini", "api_key": KEY}
    for number in range(12):
        assert http.post("/api/onboarding/api-keys", json=body, user=f"user_{number}x").status == 200
        write(folder, f"user_{number}x", {5: {}})
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", new_encryption_key())
    bootstrap.reset()
    assert http.post("/api/onboarding/api-keys", json=body, user="user_other").status == 200
    command = [sys.executable, str(ROOT / "scripts" / "import_legacy.py"), "--to", environment["DATABASE_URL"]]
    done = subprocess.run([*command, "--files", folder], capture_output=True, text=True, check=True)
    assert "12 of 13 API keys in the target cannot be read and stay as they are\n" in done.stdout
    assert "decrypt" not in done.stdout + done.stderr


def test_a_path_is_a_database_too(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`alwrity.db` means what `sqlite:///alwrity.db` means, in both commands."""
    many_sessions(tmp_path / "old.db", 8)
    assert run("--database", tmp_path / "old.db", "--dry-run")[0] == 0
    assert migrate_user_id([str(tmp_path / "old.db")]) == 0
    assert "done: 8 sessions" in capsys.readouterr().out
    assert migrate_user_id([str(tmp_path / "no.db")]) == 2
    assert "neither a file nor a database URL" in capsys.readouterr().err


def test_everything_fits_80_columns(run: Run, tmp_path: Path) -> None:
    """Also with the longest names, in a rehearsal, whose words are longer."""
    path = tmp_path / "alwrity_database_of_the_old_production_server.db"
    many_sessions(path, 1200)
    _, out, err = run("--database", path, "--dry-run")
    assert "research_preferences" in out
    assert [line for line in (out + err).splitlines() if len(line) > 80] == []
