from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from dev.environment import Environment
from dev.harness.postgres import free_port
from dev.harness.vercel.cli import CliError, installed_cli
from dev.harness.waiting import wait_until
from dev.settings import ROOT
from dev.vercel_dev import MARK, settings_told, write_env_file

# Like the real one, it keeps a frozen child, which takes no notice of an interrupt, and may be slow to answer.
FAKE_CLI = f"""#!{sys.executable}
import http.server, os, pathlib, signal, subprocess, sys, threading, time

folder = pathlib.Path(os.environ["FAKE_CLI_FOLDER"])
signal.signal(signal.SIGINT, lambda *_: os._exit(7))
child = subprocess.Popen(["sleep", "600"])
child.send_signal(signal.SIGSTOP)
(folder / "scratch").write_text(os.environ["TMPDIR"])
(folder / "child").write_text(str(child.pid))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with (folder / "asked").open("a") as asked:
            asked.write(self.path + "\\n")
        if os.environ.get("FAKE_CLI_HANGS"):
            time.sleep(600)
        self.send_response(401)
        self.end_headers()

    def log_message(self, *_):
        pass


host, port = sys.argv[sys.argv.index("--listen") + 1].split(":")
server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
(folder / "arguments").write_text(" ".join(sys.argv[1:]))
server.serve_forever()
"""
FUNCTIONS = [f"/api/function_{number}" for number in range(1, 6)]
RUN = f"""
import sys
from pathlib import Path
from dev.stopping import interrupt_on_stop_signals
from dev.vercel_dev import run
interrupt_on_stop_signals()
sys.exit(run(Path(sys.argv[1]), int(sys.argv[2]), {FUNCTIONS!r}, "The banner."))
"""
# Like the real one, it has children.
FAKE_NPM = """#!/bin/sh
echo "$*" >>"$FAKE_NPM_FOLDER/calls"
[ -z "$FAKE_NPM_FAILS" ] || exit 3
if [ -n "$FAKE_NPM_HANGS" ]; then sleep 600 & echo $! >"$FAKE_NPM_FOLDER/child"; wait; fi
mkdir -p node_modules/.bin && touch node_modules/.bin/vercel
"""


@pytest.fixture
def port() -> int:
    """Where the fake CLI listens."""
    return free_port()


@pytest.fixture
def fake_cli(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Popen[str]]]:
    """Starts `run` with the fake CLI; its output goes to the file output.txt."""
    cli = tmp_path / "vercel"
    cli.write_text(FAKE_CLI)
    cli.chmod(0o755)
    monkeypatch.setenv("FAKE_CLI_FOLDER", str(tmp_path))
    started = list[Popen[str]]()
    with (tmp_path / "output.txt").open("w") as output:

        def start() -> Popen[str]:
            command = [sys.executable, "-c", RUN, str(cli), str(port)]
            started.append(Popen(command, cwd=ROOT, stdout=output, stderr=output, text=True))
            return started[-1]

        yield start
        for process in started:
            process.send_signal(signal.SIGINT)
            process.wait(30)


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake npm, and the folder of what it was asked for."""
    folder = tmp_path / "npm"
    folder.mkdir()
    for name, text in (("npm", FAKE_NPM), ("node", "#!/bin/sh\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_NPM_FOLDER", str(folder))
    return folder


def test_each_function_is_warmed_before_the_banner(
    fake_cli: Callable[[], Popen[str]], tmp_path: Path, port: int
) -> None:
    """A line counts each of them, and the commands to paste come when they will be answered at once."""
    fake_cli()
    wait_until(lambda: "The banner." in _output(tmp_path))
    lines = _output(tmp_path).splitlines()
    warmed = [f"Warming {number} of {len(FUNCTIONS)}:" for number in range(1, len(FUNCTIONS) + 1)]
    assert [line.rpartition(" ")[0] for line in lines] == [*warmed, "The"]
    assert sorted((tmp_path / "asked").read_text().split()) == FUNCTIONS
    assert (tmp_path / "arguments").read_text() == f"dev --local --yes --listen 127.0.0.1:{port}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("while_warming", [False, True])
def test_ctrl_c_ends_the_cli_and_what_it_froze(
    fake_cli: Callable[[], Popen[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    while_warming: bool,
) -> None:
    """The CLI gets the chance to end by itself, and its exit code is ours; then none of its processes is left."""
    if while_warming:
        monkeypatch.setenv("FAKE_CLI_HANGS", "1")
    process = fake_cli()
    wait_until(lambda: ("Warming 3" if while_warming else "The banner.") in _output(tmp_path))
    process.send_signal(number)
    assert process.wait(30) == 7
    wait_until(lambda: _has_ended(int((tmp_path / "child").read_text())))
    assert "Traceback" not in _output(tmp_path)
    assert ("Warming 4" in _output(tmp_path)) is not while_warming


def test_ctrl_c_while_the_cli_starts_leaves_nothing(
    fake_cli: Callable[[], Popen[str]], tmp_path: Path, port: int
) -> None:
    """Before it has listened, too."""
    process = fake_cli()
    wait_until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(30) in {7, 130}
    wait_until(lambda: _has_ended(int((tmp_path / "child").read_text())))
    wait_until(lambda: not Path((tmp_path / "scratch").read_text()).exists())
    assert not _accepts(port)


def test_nobody_waits_while_what_the_cli_unpacked_is_removed(
    fake_cli: Callable[[], Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These are tens of thousands of files, whose removal takes longer than everything else of the end."""
    (tmp_path / "bin").mkdir()
    slow = tmp_path / "bin" / "rm"
    started, remover = tmp_path / "started", tmp_path / "remover"
    slow.write_text(f"#!/bin/sh\necho $$ >{started}; mv {started} {remover}; exec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    process = fake_cli()
    wait_until(lambda: "The banner." in _output(tmp_path))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 7
    wait_until(remover.exists)
    os.kill(int(remover.read_text()), signal.SIGKILL)
    shutil.rmtree((tmp_path / "scratch").read_text())


def test_the_cli_is_installed_once(fake_npm: Path, tmp_path: Path) -> None:
    """After a line that says so; the next run finds it."""
    said = list[str]()
    cli = installed_cli(said.append, cache=tmp_path / "cache")
    assert cli.exists()
    assert [line.startswith("Installing the Vercel CLI, once") for line in said] == [True]
    assert installed_cli(said.append, cache=tmp_path / "cache") == cli
    assert len(said) == 1
    assert len((fake_npm / "calls").read_text().splitlines()) == 1


def test_a_failed_installation_gets_one_line_and_is_tried_again(
    fake_npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without network is told by npm; half an installation is never used."""
    monkeypatch.setenv("FAKE_NPM_FAILS", "1")
    with pytest.raises(CliError, match=r"^npm could not install the Vercel CLI \(exit code 3\)"):
        installed_cli(lambda _line: None, cache=tmp_path / "cache")
    monkeypatch.delenv("FAKE_NPM_FAILS")
    assert installed_cli(lambda _line: None, cache=tmp_path / "cache").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_an_installation(
    fake_npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """npm and what it started are gone, and the next run installs again."""
    monkeypatch.setenv("FAKE_NPM_HANGS", "1")
    program = f"""
from pathlib import Path
from dev.harness.vercel.cli import installed_cli
from dev.stopping import interrupt_on_stop_signals
interrupt_on_stop_signals()
installed_cli(print, cache=Path({str(tmp_path / "cache")!r}))
"""
    process = Popen([sys.executable, "-c", program], cwd=ROOT, stdout=DEVNULL, stderr=DEVNULL)
    wait_until(lambda: (fake_npm / "child").exists() and (fake_npm / "child").read_text())
    process.send_signal(number)
    assert process.wait(30) != 0
    wait_until(lambda: _has_ended(int((fake_npm / "child").read_text())))
    monkeypatch.delenv("FAKE_NPM_HANGS")
    assert installed_cli(lambda _line: None, cache=tmp_path / "cache").exists()


def test_a_taken_port_gets_one_line(port: int, place: Path) -> None:
    """The CLI would silently take another port, and the banner would name the wrong one."""
    with socket.create_server(("127.0.0.1", port)):
        done = subprocess.run(
            [sys.executable, "-m", "dev.vercel_dev"],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port), "ONBOARDING_DEV_FOLDER": str(place)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert re.fullmatch(rf"Port {port} is taken: .* PORT=\d+ make vercel-dev\n", done.stderr)


def test_the_env_file_of_vercel_dev_is_one_line_a_variable(tmp_path: Path) -> None:
    """The PEM's line ends are written as two characters, and a file that we wrote is overwritten."""
    file = tmp_path / ".env"
    for key in ("a\nb\n", "c\n"):
        write_env_file(file, {"CLERK_JWT_KEY": key, "DATABASE_URL": "postgresql://x"})
    assert file.read_text() == f'{MARK}\nCLERK_JWT_KEY="c\\n"\nDATABASE_URL="postgresql://x"\n'
    assert file.stat().st_mode & 0o077 == 0


def test_a_quote_in_a_setting_does_not_end_it(tmp_path: Path) -> None:
    """The CLI takes what stands between the outer quotes as it is."""
    write_env_file(tmp_path / ".env", {"DATABASE_URL": 'postgresql://me:a"b@localhost/x'})
    assert (tmp_path / ".env").read_text().splitlines()[1:] == ["DATABASE_URL='postgresql://me:a\"b@localhost/x'"]


def test_a_persons_own_env_file_is_left_alone(tmp_path: Path) -> None:
    """Nobody loses their settings to `make vercel-dev`, and they are told whose are used."""
    file = tmp_path / ".env"
    file.write_text("DATABASE_URL=mine\n")
    told = settings_told(
        "http://localhost:8000", Environment({"DATABASE_URL": "ours"}, {"Database": "ours"}, None), file
    )
    assert file.read_text() == "DATABASE_URL=mine\n"
    assert ".env, which was not written by make vercel-dev" in told
    assert "ours" not in told


def _output(tmp_path: Path) -> str:
    return (tmp_path / "output.txt").read_text()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _has_ended(pid: int) -> bool:
    """Whether a process is gone; one that nobody has buried yet counts as gone."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.strip() or state.startswith("Z")
