"""What a person sees on a terminal of 80 × 24, the size that every terminal begins with."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

import psycopg
import pytest

from dev.banner import COLUMNS, banner
from dev.database import development_database
from dev.harness.postgres import free_port
from dev.settings import ROOT, without_settings

pytestmark = pytest.mark.slow

ROWS = 24


class Terminal:
    """The far end of a command that runs on a terminal of 80 × 24."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process, self._descriptor, self.text = process, descriptor, ""

    def read_until(self, pattern: str, seconds: float = 120) -> str:
        """What was shown so far, once the pattern is in it. Raises AssertionError."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            ready, _, _ = select.select([self._descriptor], [], [], max(0, end - time.monotonic()))
            assert ready, f"{pattern} was not shown in {seconds} s:\n{self.text}"
            try:
                self.text += os.read(self._descriptor, 65536).decode(errors="replace").replace("\r\n", "\n")
            except OSError:  # what Linux says when the other end is closed
                assert re.search(pattern, self.text), self.text
        return self.text

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self._descriptor, text.encode())


@contextmanager
def terminal(module: str, environ: dict[str, str], *arguments: str) -> Iterator[Terminal]:
    """Run a module of development on a terminal, and end it with Ctrl-C if it still runs."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
        os.close(ours)


@pytest.fixture
def environ(place: Path) -> dict[str, str]:
    """Development in a folder of its own, without a `.env.local`."""
    own = {"ONBOARDING_DEV_FOLDER": str(place / "dev"), "ONBOARDING_ENV_FILE": str(place / ".env.local")}
    kept = {name: value for name, value in without_settings(os.environ).items() if name not in {"COLUMNS", "LINES"}}
    return {**kept, **own, "PORT": str(free_port()), "TERM": "xterm"}


def rows_of(text: str) -> int:
    """How many rows of the terminal a text takes, long lines wrapped."""
    return sum(max(1, -(-len(line) // COLUMNS)) for line in text.splitlines())


def test_the_greeting_fits_the_first_screen(environ: dict[str, str]) -> None:
    """Everything at a glance, no token to scroll past; Alembic speaks only when it migrates."""
    shown = ""
    for is_first in (True, False):
        with terminal("dev.server", environ) as screen:
            shown = screen.read_until(r"Booting worker.*\n")
        assert ("Running upgrade" in shown) == is_first
        assert "Context impl" not in shown
    assert "Traceback" not in shown
    assert "eyJ" not in shown  # how every token begins
    assert rows_of(shown) <= ROWS
    too_long = [line for line in shown.splitlines() if len(line) > COLUMNS]
    assert all("postgresql://" in line for line in too_long), too_long
    for name in ("Page", "API", "Database", "Origins"):
        assert re.search(rf"^  {name} ", shown, re.MULTILINE), name


def test_the_greeting_with_everything_chosen_fits_too() -> None:
    """The longest facts that there are, of an own Clerk instance, database and AI backend."""
    facts = {
        "Clerk": "https://excited-hippopotamus-42.clerk.accounts.dev, by CLERK_JWT_KEY, CLERK_ISSUER of .env.local",
        "Database": "onboarding on ep-cool-darkness-123456.eu-central-1.aws.neon.tech, of .env.local, left as it is",
        "API keys": "cannot be stored until .env.local has this database's API_KEY_ENCRYPTION_KEYS",
        "AI backend": "https://ai.example.com/a/rather/long/path, of .env.local",
        "Flow": "five, of the shell",
        "Origins": "http://localhost, http://localhost:*, http://127.0.0.1, http://127.0.0.1:*, https://preview.example.com",
    }
    shown = banner("http://localhost:8000", facts, has_own_clerk=True)
    assert rows_of(shown) <= ROWS
    assert max(map(len, shown.splitlines())) <= COLUMNS


def test_psql_shows_every_users_rows_and_changes_none(environ: dict[str, str]) -> None:
    """As the operator's role: the tables' owner would see no row, and could drop them."""
    query = "SELECT current_user, count(*) FROM onboarding_sessions"
    environ["PAGER"] = ""
    with terminal("dev.psql", environ, "-At", "-c", query, "-c", "DELETE FROM onboarding_sessions") as screen:
        shown = screen.read_until("permission denied for table onboarding_sessions")
    assert "onboarding_operator|0\n" in shown


def test_reset_asks_before_it_erases(environ: dict[str, str], place: Path) -> None:
    """Anything but yes keeps the database, and one in use is never erased."""
    folder = place / "dev"
    with development_database(folder) as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE mark ()")
        with terminal("dev.reset", environ) as screen:
            screen.read_until("Type yes: ")
            screen.type("yes\n")
            screen.read_until(r"is in use: stop make dev first\n")
            screen.process.wait(30)
        assert screen.process.returncode == 1
    for answer, is_kept in (("y", True), ("yes", False)):
        with terminal("dev.reset", environ) as screen:
            assert str(folder / "postgres") in screen.read_until("Type yes: ").replace("\n", "")
            screen.type(f"{answer}\n")
            screen.read_until("Nothing was erased" if is_kept else "Erased")
            screen.process.wait(30)
        assert screen.process.returncode == int(is_kept)
        assert (folder / "postgres").exists() == is_kept
