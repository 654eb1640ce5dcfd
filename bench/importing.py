"""Measures the import: writes invented users in the old format, imports them, and prints the rate and peak memory.

Each size runs in a process of its own, against a fresh database of a throw-away Postgres.
"""

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dev.settings import new_encryption_key
from migrations.legacy.identity import user_hash
from migrations.legacy.statuses import OLD_STEPS

EXAMPLE = """example:
  python bench.importing.py 1000 10000
"""
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


def main(arguments: list[str] | None = None) -> int:
    """Measure every size that is asked for, or be the process that imports one."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=int, default=[1000, 10000], metavar="USERS")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        return _import_one(*options.one)
    return _measure(options.sizes)


def _measure(sizes: list[int]) -> int:
    from dev.harness.postgres import alembic, throwaway_postgres

    with throwaway_postgres() as server, tempfile.TemporaryDirectory() as folder:
        for users in sizes:
            url = server.create_database(f"bench_{users}")
            alembic(url, "upgrade", "head")
            files = Path(folder, str(users))
            write_old_system(files, users)
            for run in ("first run", "second run"):
                print(f"{users} users, {run}: {_in_its_own_process(url, files)}")
    return 0


def _in_its_own_process(url: str, files: Path) -> str:
    command = [sys.executable, __file__, "--one", url, str(files), str(files / "old.db")]
    environ = {**os.environ, "API_KEY_ENCRYPTION_KEYS": _KEY}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def _import_one(url: str, files: str, database: str) -> int:
    from scripts.import_legacy import main as import_legacy

    users, started = sum(1 for _ in Path(files).glob(".onboarding*")), time.monotonic()
    code = import_legacy(["--to", url, "--files", files, "--database", f"sqlite:///{database}"])
    seconds = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    # Beside the wall clock, which other work on the machine slows down.
    own = f"{(used.ru_utime + used.ru_stime) / users * 1000:.1f} ms of CPU a user"
    print(f"{seconds:.1f} s, {users / seconds:.0f} users/s, {own}, peak {peak:.0f} MiB, exit code {code}")
    return code


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


_KEY = new_encryption_key()

if __name__ == "__main__":
    sys.exit(main())
