from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest

from dev.demo import report
from dev.harness.client import Client
from dev.harness.postgres import free_port
from dev.harness.waiting import wait_until
from dev.local_postgres import LocalPostgres
from dev.settings import (
    DEFAULT_PORT,
    ROOT,
    SigningKey,
    chosen_port,
    development_environment,
    session_claims,
    without_settings,
)

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


def _environ(place: Path) -> dict[str, str]:
    return {
        **without_settings(os.environ),
        "DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/production",
        "CLERK_JWT_KEY": "production",
        "ONBOARDING_DEV_FOLDER": str(place / "dev"),
        "ONBOARDING_ENV_FILE": str(place / ".env.local"),
        "PORT": str(free_port()),
    }


@contextmanager
def _running(environ: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dev.server"], cwd=ROOT, env=environ, stdout=output, stderr=output, text=True
        )
    try:
        wait_until(lambda: "\ncurl " in _output(folder) or process.poll() is not None)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)


@pytest.fixture
def environ(place: Path) -> dict[str, str]:
    """An environment with a development folder, a port and a place for `.env.local` of the test's own.

    The shell's database and Clerk instance are a deployment's, which development must not touch.
    """
    return _environ(place)


@pytest.fixture
def running(environ: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`make dev`'s process, its output in the file output.txt."""
    with _running(environ, tmp_path) as process:
        yield process


@dataclass(frozen=True)
class Shared:
    """A server of `make dev` that its tests leave running and as it is, and the folder of its data and output."""

    environ: dict[str, str]
    place: Path

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.environ["PORT"])


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    """One for all tests that only look at it."""
    with tempfile.TemporaryDirectory(prefix="onboarding-tests-") as folder:
        environ = _environ(Path(folder))
        with _running(environ, Path(folder)) as process:
            assert process.poll() is None, _output(Path(folder))
            yield Shared(environ, Path(folder))


def test_the_printed_command_works_and_ctrl_c_stops_everything(
    running: subprocess.Popen[str], environ: dict[str, str], tmp_path: Path, place: Path
) -> None:
    """What a person pastes succeeds; then Ctrl-C ends with no traceback, a free port and no Postgres."""
    (command,) = re.findall(r"^curl (?:.*\\\n)*.*$", _output(tmp_path), re.MULTILINE)
    assert "$(make -s token)" in command
    answer = _curl(command.replace("$(make -s token)", _token(environ)).replace("\\\n", ""), int(environ["PORT"]))
    assert answer[0] == 200, (command, answer, _output(tmp_path))
    assert _token(environ) not in _output(tmp_path)

    running.send_signal(signal.SIGINT)
    assert running.wait(5) == 0
    assert _output(tmp_path).endswith("\nStopped.\n")
    assert "Traceback" not in _output(tmp_path)
    socket.create_server(("127.0.0.1", int(environ["PORT"]))).close()
    assert not LocalPostgres(place / "dev" / "postgres").is_running()


def test_any_page_of_this_machine_may_call(shared: Shared) -> None:
    """The page's development server takes whatever port is free; a page of another host is told nothing."""
    client = Client("127.0.0.1", shared.port, lambda user: user)
    allowed = {
        origin: client.get("/api/health", headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")
        for origin in ("http://localhost:3000", "http://127.0.0.1:5173", "http://localhost:3000.evil.example")
    }
    assert allowed == {
        "http://localhost:3000": "http://localhost:3000",
        "http://127.0.0.1:5173": "http://127.0.0.1:5173",
        "http://localhost:3000.evil.example": None,
    }


def test_the_banner_tells_what_is_behind_the_url(shared: Shared) -> None:
    """By default all of it is this clone's own; the sample AI backend that it names answers."""
    said = _output(shared.place)
    assert re.search(r"^ +Clerk +development keys", said, re.MULTILINE)
    assert re.search(rf"^ +Database +postgresql://.*host={shared.place}/dev/postgres$", said, re.MULTILINE)
    port = re.findall(r"^ +AI backend +sample data from http://127.0.0.1:(\d+);", said, re.MULTILINE)[0]
    answer = Client("127.0.0.1", int(port), lambda user: user).get("/api/onboarding/step4/persona-task/none")
    assert answer.status == 404


@pytest.fixture
def own_clerk(place: Path, database_url: str) -> SigningKey:
    """The key of the Clerk instance that `.env.local` names, together with a database."""
    key = SigningKey.generate()
    pem = key.public_pem.replace("\n", "\\n")
    (place / ".env.local").write_text(f'CLERK_JWT_KEY="{pem}"\nDATABASE_URL="{database_url}"\n')
    return key


def test_a_developers_own_clerk_instance_and_database_are_used(
    own_clerk: SigningKey, running: subprocess.Popen[str], environ: dict[str, str], place: Path, database_url: str
) -> None:
    """Their tokens pass and ours do not; what is stored is in their database, and no other Postgres is started."""
    assert running.poll() is None
    client = Client("127.0.0.1", int(environ["PORT"]), lambda user: own_clerk.sign(session_claims(user)))
    assert client.post("/api/onboarding/start", user="user_2theirs").status == 200
    ours = SigningKey((place / "dev" / "signing_key.pem").read_text()).sign(session_claims("user_2theirs"))
    assert client.get("/api/onboarding/status", headers={"Authorization": f"Bearer {ours}"}).status == 401
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT set_config('app.user_id', 'user_2theirs', true)")
        connection.execute("SET LOCAL ROLE onboarding_app")
        rows = connection.execute("SELECT user_id FROM onboarding_sessions").fetchall()
    assert rows == [("user_2theirs",)]
    assert not (place / "dev" / "postgres").exists()


def test_success_lines_of_the_functions_are_seen(shared: Shared) -> None:
    """Whoever watches the terminal sees what was stored."""
    client = Client("127.0.0.1", shared.port, lambda _user: _token(shared.environ))
    key = {"provider": "gemini", "api_key": "AIzaSyA-sample-key-for-development"}
    assert client.post("/api/onboarding/api-keys", json=key, user="user_2sample").status == 200
    wait_until(lambda: "DATABASE: API key for gemini saved to database for user" in _output(shared.place))


def test_an_unused_connection_does_not_delay_ctrl_c(running: subprocess.Popen[str], environ: dict[str, str]) -> None:
    """Browsers keep such connections open; a person who stops the server does not wait for them."""
    with socket.create_connection(("127.0.0.1", int(environ["PORT"]))):
        running.send_signal(signal.SIGINT)
        assert running.wait(9) == 0


def test_a_killed_server_gives_up_its_port(
    running: subprocess.Popen[str], environ: dict[str, str], place: Path
) -> None:
    """Even SIGKILL leaves no gunicorn behind that would be in the way of the next `make dev`."""
    assert _curl(f"curl http://localhost:{environ['PORT']}/api/health", int(environ["PORT"]))[0] == 200
    running.kill()
    try:
        wait_until(lambda: not _accepts(int(environ["PORT"])))
    finally:
        LocalPostgres(place / "dev" / "postgres").stop()  # the next `make dev` would have used and stopped it


def test_a_taken_port_gets_one_line(environ: dict[str, str], place: Path) -> None:
    """The line names the port and the way out, and nothing was started."""
    with socket.create_server(("127.0.0.1", int(environ["PORT"]))):
        done = _run("dev.server", environ)
    assert done.returncode == 1
    assert re.fullmatch(rf"Port {environ['PORT']} is taken: .* PORT=\d+ make dev\n", done.stderr)
    assert not (place / "dev" / "postgres").exists()


@pytest.mark.parametrize("port", ["abc", "99999", "-1"])
def test_a_port_that_is_none_gets_one_line(environ: dict[str, str], port: str) -> None:
    """A typing error in PORT is no traceback."""
    done = _run("dev.server", {**environ, "PORT": port})
    assert done.returncode == 1
    assert re.fullmatch(rf"PORT={port} is not a port number: .*\n", done.stderr)


@pytest.mark.parametrize("module", ["dev.server", "dev.database", "dev.demo"])
def test_a_stale_data_folder_gets_one_line(environ: dict[str, str], place: Path, module: str) -> None:
    """Every command that needs the database says what to do, in one line."""
    (place / "dev" / "postgres").mkdir(parents=True)
    (place / "dev" / "postgres" / "PG_VERSION").write_text("9.6\n")
    done = _run(module, {name: value for name, value in environ.items() if name != "DATABASE_URL"})
    assert done.returncode == 1
    assert re.fullmatch(r".*To start again without its data: rm -rf .*\n", done.stderr)


def test_the_default_port_is_what_the_readme_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is where the page's own development server looks for the API."""
    monkeypatch.delenv("PORT", raising=False)
    assert chosen_port() == str(DEFAULT_PORT) == "8000"
    assert f"make dev     # everything on http://localhost:{DEFAULT_PORT}," in (ROOT / "README.md").read_text()
    monkeypatch.setenv("PORT", "4567")
    assert chosen_port() == "4567"


def test_the_token_command_prints_a_valid_token_alone(environ: dict[str, str], place: Path) -> None:
    """`TOKEN=$(make token USER=user_2abc)` can be used as it is."""
    done = subprocess.run(
        [sys.executable, "-m", "dev.token", "user_2abc"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    key = SigningKey((place / "dev" / "signing_key.pem").read_text())
    claims = jwt.decode(done.stdout.strip(), key.public_pem, algorithms=["RS256"])
    assert claims["sub"] == "user_2abc"
    assert claims["v"] == 2
    assert claims["exp"] - claims["iat"] == 12 * 60 * 60


def test_development_keys_are_kept_and_private(tmp_path: Path) -> None:
    """A second run decrypts what the first encrypted, and no other user of the machine can read the keys."""
    first, second = development_environment("url", tmp_path), development_environment("url", tmp_path)
    assert first == second
    assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}


def test_a_token_of_another_key_does_not_verify() -> None:
    """Two clones do not accept each other's tokens."""
    signed = SigningKey.generate().sign(session_claims("user_a"))
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(signed, SigningKey.generate().public_pem, algorithms=["RS256"])


def test_the_demo_shows_step_6_with_masked_keys(environ: dict[str, str]) -> None:
    """Six steps over HTTP, then everything that is stored, and no key in full."""
    done = _run("dev.demo", environ)
    assert done.returncode == 0, done.stderr
    assert "100.0 %" in done.stdout
    assert "https://bakery.example.com" in done.stdout
    assert re.search(r"Gemini +AIza….{4}\n", done.stdout)
    assert not re.search(r"AIza[\w-]{5}", done.stdout)
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(("columns", "widest"), [(40, 60), (80, 80), (110, 110), (300, 120)])
def test_the_demo_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, widest: int) -> None:
    """Within what can be read, and filled: long texts are broken at the terminal's edge."""
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = report("user_2demo", {"style": {"tone": "Warm and long. " * 40}}).splitlines()
    assert max(map(len, lines)) == widest
    assert max(len(line) for line in lines if "Warm" in line) > widest - 10


def test_the_demo_uses_the_running_server(shared: Shared) -> None:
    """Beside `make dev` the demo's user can be looked at afterwards."""
    done = _run("dev.demo", shared.environ)
    assert done.returncode == 0, done.stderr
    assert f"on http://localhost:{shared.port}\n" in done.stdout


@pytest.fixture
def five_steps(environ: dict[str, str]) -> None:
    """Serve the page that has no step for API keys."""
    environ["ONBOARDING_FLOW"] = "five"


@pytest.mark.usefixtures("five_steps", "running")
def test_the_demo_walks_the_steps_that_the_server_serves(environ: dict[str, str]) -> None:
    """It asks the running server for its steps, whatever flow the demo's own shell names."""
    done = _run("dev.demo", {**environ, "ONBOARDING_FLOW": "six"})
    assert done.returncode == 0, done.stderr
    assert "  ✓ 1 Website Analysis " in done.stdout
    assert re.search(r"  ✓ 5 Complete Setup +100\.0 %\n", done.stdout)
    assert "AI LLM Providers" not in done.stdout


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _output(tmp_path: Path) -> str:
    return (tmp_path / "output.txt").read_text()


def _token(environ: dict[str, str]) -> str:
    """What `make -s token` prints."""
    return _run("dev.token", environ).stdout.strip()


def _run(module: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)


def _curl(command: str, port: int) -> tuple[int, Any]:
    """Do what the curl command says; curl itself may be missing."""
    words = shlex.split(command)
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    body = words[words.index("-d") + 1] if "-d" in words else None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        path = words[1].removeprefix(f"http://localhost:{port}")
        connection.request("GET" if body is None else "POST", path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
