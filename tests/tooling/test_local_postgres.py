from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dev.harness.postgres import SPEED_OVER_SAFETY
from dev.harness.waiting import wait_until
from dev.local_postgres import OWNER, LocalPostgres, LocalPostgresError, shared
from dev.settings import ROOT

pytestmark = pytest.mark.slow

HOLD_SERVER = """
import sys
from pathlib import Path
from dev.local_postgres import LocalPostgres, shared
with shared(LocalPostgres(Path(sys.argv[1]))):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def server(place: Path) -> Iterator[LocalPostgres]:
    """A server that is not started yet, in a folder with a space, as a person may have."""
    server = LocalPostgres(place / "my project" / "postgres", options=SPEED_OVER_SAFETY)
    yield server
    server.stop("immediate")


def test_data_is_kept_between_runs(server: LocalPostgres) -> None:
    """A second `make dev` finds what the first one stored."""
    with shared(server):
        url = server.create_database("kept")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
    assert not server.is_running()
    with shared(server), psycopg.connect(server.url("kept")) as connection:
        assert connection.execute("SELECT answer FROM t").fetchone() == (42,)


def test_the_owner_is_no_superuser(server: LocalPostgres) -> None:
    """Migrations run with the rights that a hosting provider gives, so a missing right shows here."""
    with shared(server), psycopg.connect(server.create_database("x")) as connection:
        rights = "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(rights).fetchone() == (OWNER, False, False, True)


def test_the_last_user_stops_the_server(server: LocalPostgres) -> None:
    """`make demo` beside `make dev` does not take the database away, and nothing is left running."""
    with shared(server):
        with _holder(server) as other:
            _finish(other)
        assert server.is_running()
    assert not server.is_running()


def test_a_killed_user_counts_no_longer(server: LocalPostgres) -> None:
    """After a kill -9 the next user still stops the server."""
    with _holder(server) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert server.is_running()
        with shared(server):
            pass
    assert not server.is_running()


def test_a_path_longer_than_a_socket_name_may_be(place: Path) -> None:
    """A clone deep down in somebody's folders works too."""
    server = LocalPostgres(place / ("deep" * 20) / ("down" * 20) / "postgres", options=SPEED_OVER_SAFETY)
    with shared(server):
        sockets = server.socket_folder()
        psycopg.connect(server.url()).close()
    assert not sockets.exists()


@pytest.mark.parametrize("stale", ["", "1\n", "PID\n/x\n1\n5432\n/nowhere\n\n1 1\nready\n"])
def test_a_stale_pid_file_is_no_obstacle(server: LocalPostgres, stale: str) -> None:
    """After a power cut the file may be empty, or name a process that is another one now."""
    with shared(server):
        pass
    (server.data / "postmaster.pid").write_text(stale.replace("PID", str(os.getpid())))
    with shared(server):
        assert server.is_running()


def test_data_of_another_version_tells_what_to_do(server: LocalPostgres) -> None:
    """The one line names both versions and the command."""
    with shared(server):
        pass
    (server.data / "PG_VERSION").write_text("16\n")
    _assert_one_line_of_advice(server, "created by Postgres 16 and this is Postgres 18")


def test_a_half_made_data_folder_tells_what_to_do(server: LocalPostgres) -> None:
    """An initdb that was broken off is not taken for a database."""
    with shared(server):
        pass
    (server.data / "global" / "pg_control").unlink()
    _assert_one_line_of_advice(server, "incomplete")


def test_damaged_data_tells_what_to_do(server: LocalPostgres) -> None:
    """When Postgres itself refuses to start, its reason is in the line."""
    with shared(server):
        pass
    (server.data / "global" / "pg_control").write_bytes(b"rubbish")
    _assert_one_line_of_advice(server, "cannot be started")


def test_another_users_data_folder_tells_what_to_do(server: LocalPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder left by `sudo make dev`, say."""
    server.data.mkdir(parents=True)
    (server.data / "x").touch()
    monkeypatch.setattr("dev.local_postgres._server_uid", lambda: 12345)
    _assert_one_line_of_advice(server, "belongs to another user")


def test_a_place_that_is_no_folder_tells_what_to_do(tmp_path: Path) -> None:
    """A file where the folder should be, or a read-only disk, is no traceback."""
    (tmp_path / "file").touch()
    _assert_one_line_of_advice(LocalPostgres(tmp_path / "file" / "postgres"), "cannot be locked")


def test_permission_denied_never_advises_to_erase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data may be sound, and another user's; what helps is a permission, or another folder."""

    def refuse(name: object, *_: object) -> None:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr("dev.local_postgres.open", refuse, raising=False)  # root may open every file
    with pytest.raises(LocalPostgresError) as caught, shared(LocalPostgres(tmp_path / "postgres")):
        pass
    message = str(caught.value)
    assert "cannot be locked (Permission denied): let this user write there, or set ONBOARDING_DEV_FOLDER" in message
    assert "rm -rf" not in message


def _assert_one_line_of_advice(server: LocalPostgres, reason: str) -> None:
    with pytest.raises(LocalPostgresError) as caught, shared(server):
        pass
    message = str(caught.value)
    assert reason in message
    assert "rm -rf" in message
    assert "\n" not in message


def _holder(server: LocalPostgres) -> subprocess.Popen[str]:
    """Start a process that uses the server until its standard input closes."""
    command = [sys.executable, "-c", HOLD_SERVER, str(server.data)]
    holder = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    wait_until(holder.stdout.readline)
    return holder


def _finish(holder: subprocess.Popen[str]) -> None:
    holder.communicate()
    assert holder.returncode == 0
