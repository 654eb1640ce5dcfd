from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dev.harness.client import Client
from dev.harness.postgres import free_port
from dev.harness.vercel.project import copy_project
from dev.harness.waiting import wait_until

pytestmark = pytest.mark.slow

CONFIG = "/api/onboarding/config"  # needs no token and no database
BROKEN = {
    "a syntax error": ("serving/routes.py", "def ("),
    "a module that does not exist": ("lib/http/app.py", "import lib.no_such_module"),
    "an error while the app is made": ("lib/bootstrap.py", "raise ValueError('broken')"),
    "a syntax error in a module that a request imports": ("lib/http/endpoints/catalogue.py", "def ("),
}
TEAPOT = """
def app(environ, start_response):
    start_response("418 I'm a teapot", [])
    return []
"""


@dataclass
class Running:
    """`make dev` in a copy of the repository whose files a test may change."""

    folder: Path
    process: subprocess.Popen[str]
    client: Client
    originals: dict[Path, str] = field(default_factory=dict)

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        """Change one file until `restore`."""
        file = self.folder / name
        self.originals.setdefault(file, file.read_text())
        file.write_text(change(file.read_text()))

    def restore(self) -> None:
        """Write every changed file as it was, and wait until that answers."""
        for file, text in self.originals.items():
            file.write_text(text)
        self.originals.clear()
        wait_until(lambda: self.status() == 200)

    def status(self, path: str = CONFIG) -> int:
        """The status that a request is answered with."""
        return self.client.get(path).status

    def output(self) -> str:
        """What the terminal shows."""
        return (self.folder / "output.txt").read_text()

    def starts(self) -> int:
        """How many times the code was loaded."""
        return self.output().count("Booting worker")

    def restart(self) -> None:
        """Make the server load its code again, and wait until it answers."""
        before = self.starts()
        (self.folder / "lib" / "__init__.py").touch()
        wait_until(lambda: self.starts() > before)
        assert self.status() == 200


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """One server for all tests of this module; each restores what it changes."""
    with tempfile.TemporaryDirectory(prefix="onboarding-tests-") as scratch:
        folder, port = copy_project(Path(scratch) / "copy"), free_port()
        environ = {**os.environ, "ONBOARDING_DEV_FOLDER": f"{scratch}/dev", "PORT": str(port)}
        with (folder / "output.txt").open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "dev.server"], cwd=folder, env=environ, stdout=output, stderr=output, text=True
            )
        running = Running(folder, process, Client("127.0.0.1", port, str))
        try:
            wait_until(lambda: running.starts() or process.poll() is not None)
            yield running
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


@pytest.fixture
def running(server: Running) -> Iterator[Running]:
    """The server, with the files of the repository before and after each test."""
    assert server.status() == 200, server.output()
    yield server
    server.restore()


def test_changed_code_answers(running: Running) -> None:
    """Even a module that changes just after the first request that needed it is reloaded."""
    running.restart()
    running.edit("lib/http/endpoints/catalogue.py", lambda text: f"{text}\nROUTES = []\n")
    wait_until(lambda: running.status() == 404)


def test_changed_routes_answer(running: Running) -> None:
    """vercel.json is watched like the code."""
    running.edit("vercel.json", lambda text: text.replace(f'"{CONFIG}"', '"/api/other"'))
    wait_until(lambda: running.status(CONFIG) == 401)  # the AI backend's then, and so nobody's without a token


def test_a_file_that_changes_while_the_code_is_loaded_is_not_missed(running: Running) -> None:
    """Two files saved one after the other: the second counts although the server was just restarting."""
    running.edit("api/health.py", lambda text: f"{text}\nprint('health is loaded', flush=True)\n")
    running.edit("api/onboarding/summary.py", lambda text: f"{text}\nimport time\ntime.sleep(2)\n")
    wait_until(lambda: "health is loaded" in running.output())
    running.edit("api/health.py", lambda _: TEAPOT)
    wait_until(lambda: running.status("/api/health") == 418)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_code_does_not_end_the_server(running: Running, name: str) -> None:
    """The answer is a 500 and the terminal shows the traceback, until the file is fixed."""
    file, line = BROKEN[name]
    running.edit(file, lambda text: f"{line}\n{text}")
    wait_until(lambda: running.status() == 500)
    assert file in running.output()
    assert running.process.poll() is None
    running.restore()


def test_an_unexpected_error_is_logged_whole(running: Running) -> None:
    """The terminal shows message, file and line of what a handler raised; the answer tells nothing of it."""
    failing = "\n\ndef _fail(_call):\n    raise KeyError('a telling message')\n"
    route = f"ROUTES = [Route('GET', '{CONFIG}', _fail, public=True)]\n"
    running.edit("lib/http/endpoints/catalogue.py", lambda text: f"{text}{failing}\n\n{route}")
    wait_until(lambda: running.status() == 500)
    assert "telling" not in running.client.get(CONFIG).text
    shown = running.output()
    assert "KeyError: 'a telling message'" in shown
    assert 'lib/http/endpoints/catalogue.py", line ' in shown


def test_a_missing_file_is_found_once_it_is_there(running: Running) -> None:
    """A new import saved before the new module: nothing else has to be touched."""
    running.edit("lib/bootstrap.py", lambda text: f"import lib.new_module\n{text}")
    wait_until(lambda: "No module named 'lib.new_module'" in running.client.get(CONFIG).text)
    (running.folder / "lib" / "new_module.py").touch()
    wait_until(lambda: running.status() == 200)


def test_nobody_is_refused_during_a_reload(running: Running) -> None:
    """Callers wait for the new code; requests under way are answered."""
    stop = threading.Event()
    with ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(_statuses_until, stop, running) for _ in range(8)]
        try:
            running.restart()
            running.restart()
        finally:
            stop.set()
    statuses = [caller.result() for caller in callers]
    assert {status for seen in statuses for status in seen} == {200}
    assert min(map(len, statuses)) > 2


def _statuses_until(stop: threading.Event, running: Running) -> list[int]:
    statuses = []
    while not stop.wait(0.05):  # without a pause the callers leave the reloader's thread hardly any time
        statuses.append(running.status())
    return statuses
