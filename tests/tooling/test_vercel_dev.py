from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dev.harness.waiting import wait_until
from dev.settings import ROOT
from dev.vercel_dev import MARK, write_env_file

# Like the real one, it keeps a frozen child, which takes no notice of an interrupt.
FAKE_CLI = """#!/bin/sh
sleep 600 &
kill -STOP $!
echo $! >"$FAKE_CLI_FOLDER/child"
trap 'exit 7' INT
echo "$*" >"$FAKE_CLI_FOLDER/arguments"
while :; do sleep 0.05; done
"""
RUN = "import sys; from dev.vercel_dev import run; sys.exit(run(sys.argv[1]))"


def test_ctrl_c_ends_the_cli_and_what_it_froze(tmp_path: Path) -> None:
    """The CLI gets the chance to end by itself, and its exit code is ours; then none of its processes is left."""
    cli = tmp_path / "vercel"
    cli.write_text(FAKE_CLI)
    cli.chmod(0o755)
    environ = {**os.environ, "FAKE_CLI_FOLDER": str(tmp_path), "PORT": "3999"}
    process = subprocess.Popen([sys.executable, "-c", RUN, str(cli)], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)
    wait_until(lambda: (tmp_path / "arguments").exists() and (tmp_path / "arguments").read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 7
    assert (tmp_path / "arguments").read_text() == "dev --local --yes --listen 3999\n"
    wait_until(lambda: _has_ended(int((tmp_path / "child").read_text())))


def test_the_env_file_of_vercel_dev_is_one_line_a_variable(tmp_path: Path) -> None:
    """The PEM's line ends are written as two characters, and a file that we wrote is overwritten."""
    file = tmp_path / ".env"
    for key in ("a\nb\n", "c\n"):
        write_env_file(file, {"CLERK_JWT_KEY": key, "DATABASE_URL": "postgresql://x"})
    assert file.read_text() == f'{MARK}\nCLERK_JWT_KEY="c\\n"\nDATABASE_URL="postgresql://x"\n'
    assert file.stat().st_mode & 0o077 == 0


def test_a_persons_own_env_file_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody loses their settings to `make vercel-dev`, and they are told whose are used."""
    file = tmp_path / ".env"
    file.write_text("DATABASE_URL=mine\n")
    write_env_file(file, {"DATABASE_URL": "ours"})
    assert file.read_text() == "DATABASE_URL=mine\n"
    assert ".env was not written by make vercel-dev" in capsys.readouterr().err


def _has_ended(pid: int) -> bool:
    """Whether a process is gone; one that nobody has buried yet counts as gone."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.strip() or state.startswith("Z")
