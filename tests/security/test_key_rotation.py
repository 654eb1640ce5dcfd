"""The encryption key is changed while requests go on, by a script that may be killed."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from dev.harness.in_process import InProcess
from dev.settings import ROOT, new_encryption_key
from lib import bootstrap
from lib.db.database import Database
from scripts import rotate_api_keys
from tests.support.inspection import Superuser
from tests.support.killing import kill_repeatedly, run_main

USERS = [f"user_2rotate{number:03}" for number in range(12)]


def key_of(user: str, generation: int = 0) -> str:
    return f"sk-{user}-{generation}-{'x' * 20}"


def save(calls: InProcess, user: str, generation: int = 0) -> None:
    for provider in ("openai", "mistral"):
        body = {"provider": provider, "api_key": key_of(user, generation)}
        assert calls.post("/api/onboarding/api-keys", user=user, json=body).status == 200


def read(calls: InProcess, user: str) -> Any:
    response = calls.get("/api/onboarding/api-keys/onboarding", user=user)
    assert response.status == 200
    return response.json()["api_keys"]


@pytest.fixture
def keys(environment: dict[str, str], calls: InProcess, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The new and the old encryption key; everybody's keys are stored under the old one, and both are configured."""
    for user in USERS:
        save(calls, user)
    new, old = new_encryption_key(), environment["API_KEY_ENCRYPTION_KEYS"]
    configure(monkeypatch, new, old)
    return new, old


def configure(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", ",".join(keys))
    bootstrap.reset()


def generations(database: Superuser) -> int:
    """Under how many different keys the stored ones are."""
    row = database.execute("SELECT count(DISTINCT substr(encrypted_key, 1, 5)) FROM api_keys").fetchone()
    return int(str(row[0])) if row else 0


def test_the_old_key_can_be_taken_away_afterwards(
    calls: InProcess, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everybody's keys are readable under the new one alone, and the output says how many and shows none."""
    assert rotate_api_keys.main([]) == 0
    output = capsys.readouterr().out
    assert "24 keys re-encrypted." in output
    assert "sk-" not in output
    configure(monkeypatch, keys[0])
    for user in USERS:
        assert read(calls, user) == {"mistral": key_of(user), "openai": key_of(user)}
    assert rotate_api_keys.main([]) == 0
    assert "re-encrypted" not in capsys.readouterr().out


def test_requests_go_on_meanwhile(calls: InProcess, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """None fails, each reads what it wrote, and nothing that was written meanwhile is lost."""
    done = Event()

    def work(user: str) -> int:
        generation = 0
        while not done.is_set() or generation == 0:
            generation += 1
            save(calls, user, generation)
            assert read(calls, user) == {"mistral": key_of(user, generation), "openai": key_of(user, generation)}
        return generation

    with ThreadPoolExecutor(4) as threads:
        workers = {user: threads.submit(work, user) for user in USERS[:4]}
        try:
            assert [rotate_api_keys.main([]) for _ in range(3)] == [0, 0, 0]
        finally:
            done.set()
    configure(monkeypatch, keys[0])
    for user, worker in workers.items():
        assert set(read(calls, user).values()) == {key_of(user, worker.result())}


def test_a_key_saved_meanwhile_is_never_overwritten_by_an_older_one(
    calls: InProcess, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading a key and writing it back the user saves another, under the old key even: that one stays."""
    write, saved = Database.write_and_read, list[str]()

    def write_late(self: Database, user_id: str, *arguments: Any, **parameters: Any) -> Any:
        if not saved:
            saved.append(user_id)
            configure(monkeypatch, keys[1])
            save(calls, user_id, generation=1)
        return write(self, user_id, *arguments, **parameters)

    monkeypatch.setattr(Database, "write_and_read", write_late)
    assert rotate_api_keys.main([]) == 0
    configure(monkeypatch, keys[0])
    assert set(read(calls, saved[0]).values()) == {key_of(saved[0], 1)}


def test_it_resumes_when_it_was_killed(
    environment: dict[str, str], calls: InProcess, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at any moment, every key can be read; started again, it does the rest."""
    settings = {**environment, "API_KEY_ENCRYPTION_KEYS": ",".join(keys)}

    def everything_is_readable() -> None:
        for user in USERS:
            assert read(calls, user) == {"mistral": key_of(user), "openai": key_of(user)}

    def run(kill_after: float | None) -> Any:
        # Each run has the whole way before it: the keys are turned back and forth.
        keys_now = settings["API_KEY_ENCRYPTION_KEYS"].split(",")
        settings["API_KEY_ENCRYPTION_KEYS"] = ",".join(reversed(keys_now))
        return run_main("scripts.rotate_api_keys", [], kill_after, **settings)

    kill_repeatedly(run, everything_is_readable, kills=3)
    assert rotate_api_keys.main([]) == 0
    configure(monkeypatch, keys[0])
    everything_is_readable()


def test_keys_that_cannot_be_read_are_counted_and_left(
    calls: InProcess, keys: tuple[str, str], database: Superuser, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, the rest is done, and the rows stay: a key that was taken away too early may come back."""
    database.execute("UPDATE api_keys SET encrypted_key = 'lost' WHERE user_id = %s", [USERS[3]])
    assert rotate_api_keys.main([]) == 1
    captured = capsys.readouterr()
    assert "22 keys re-encrypted." in captured.out
    assert "2 keys cannot be read" in captured.err
    lost = database.execute("SELECT encrypted_key FROM api_keys WHERE user_id = %s", [USERS[3]]).fetchall()
    assert lost == [(b"lost",), (b"lost",)]


@pytest.mark.parametrize("name", ["DATABASE_URL", "API_KEY_ENCRYPTION_KEYS"])
def test_without_its_settings_it_says_so(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Exit code 2 and the variable's name."""
    monkeypatch.delenv(name)
    bootstrap.reset()
    assert rotate_api_keys.main([]) == 2
    assert name in capsys.readouterr().err


def test_help_shows_an_example() -> None:
    """And runs from anywhere."""
    command = [sys.executable, str(ROOT / "scripts" / "rotate_api_keys.py"), "--help"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    assert "python scripts/rotate_api_keys.py" in done.stdout
