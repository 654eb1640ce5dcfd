from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dev.settings import DEFAULT_PORT, ROOT, SAMPLE_USER

pytestmark = pytest.mark.slow

NEEDED = ("sh", "sed", "awk", "rm", "touch", "mkdir", "chmod")
_LOGGING = '#!/bin/sh\\necho "$*" >>log\\n[ "$2" != pip ] || [ ! -e no-pip ]\\n'
_FAKE_VENV = f"mkdir -p .venv/bin; printf '{_LOGGING}' >.venv/bin/python; chmod +x .venv/bin/python"
_FAKE_PYTHON = f'echo "$*" >>log; [ "$2" != venv ] || {{ {_FAKE_VENV}; }}'


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the Makefile and the requirements, and nothing installed."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with the shell's usual tools, and neither Python nor uv."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in (*NEEDED, "make"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def test_without_a_python_that_runs_one_line_says_what_to_do(clone: Path, tools: Path) -> None:
    """Shims that fail and a Python that is too old are passed over; then the person is told what to install."""
    for name, code in (("python3.14", 127), ("python3.12", 127), ("python3", 1)):
        _script(tools / name, f"exit {code}")
    done = _make(clone, tools, "test")
    assert done.returncode != 0
    advice = [line for line in done.stderr.splitlines() if line.startswith("There is no Python 3.12 or newer here")]
    assert len(advice) == 1
    assert [line for line in done.stderr.splitlines() if not line.startswith("make")] == advice
    assert "https://" in advice[0]
    assert not (clone / ".venv").exists()


def test_a_python_that_runs_is_found_behind_shims_that_do_not(clone: Path, tools: Path) -> None:
    """pyenv's shims stand on PATH for versions that are not selected, and fail when run."""
    _script(tools / "python3.13", "exit 127")
    _script(tools / "python3.12", _FAKE_PYTHON)
    done = _make(clone, tools, "token")
    assert done.returncode == 0, done.stderr
    calls = (clone / "log").read_text().splitlines()
    assert "-m venv .venv" in calls
    (install,) = (call for call in calls if " install " in call)
    assert "--quiet" not in install  # a minute without a word looks like a hang


def test_uv_alone_is_enough(clone: Path, tools: Path) -> None:
    """With no Python at all, uv brings one, whose virtual environments have no pip."""
    (clone / "no-pip").touch()
    _script(tools / "uv", 'echo "uv $*" >>log; [ "$1" != venv ] || { ' + _FAKE_VENV + "; }")
    done = _make(clone, tools, "token")
    assert done.returncode == 0, done.stderr
    calls = [line for line in (clone / "log").read_text().splitlines() if line.startswith("uv ")]
    assert calls[0] == "uv venv --quiet --python 3.12 .venv"
    assert calls[1].startswith("uv pip install")


def test_a_second_run_installs_nothing_unless_a_requirement_changed(clone: Path, tools: Path) -> None:
    """The stamp makes the second run quick, and a changed requirements file makes it install again."""
    _script(tools / "python3.12", _FAKE_PYTHON)
    _make(clone, tools, "token")
    (clone / "log").unlink()
    _make(clone, tools, "token")
    assert "install" not in (clone / "log").read_text()
    os.utime(clone / "requirements.txt", (4e9, 4e9))
    _make(clone, tools, "token")
    assert "install" in (clone / "log").read_text()


def test_only_a_user_on_makes_command_line_is_a_user(clone: Path, tools: Path) -> None:
    """The login name that every shell exports as USER is no user of the API."""
    _script(tools / "python3.12", _FAKE_PYTHON)
    _make(clone, tools, "token")
    assert (clone / "log").read_text().splitlines()[-1] == "-m dev.token"
    _make(clone, tools, "token", "USER=user_2abc")
    assert (clone / "log").read_text().splitlines()[-1] == "-m dev.token user_2abc"


def test_make_alone_lists_the_targets(clone: Path, tools: Path) -> None:
    """Whoever types `make` learns what there is, before anything is installed."""
    listed = _make(clone, tools).stdout
    targets = ("dev", "test", "demo", "token", "psql", "reset", "doctor", "migrate", "lint", "vercel-dev")
    assert all(f"make {target} " in listed for target in targets)
    assert SAMPLE_USER not in listed
    assert f"http://localhost:{DEFAULT_PORT} " in listed
    assert not (clone / ".venv").exists()


def _script(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def _make(clone: Path, tools: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": str(tools), "HOME": str(clone), "USER": "login"}
    command = [str(tools / "make"), *arguments]
    return subprocess.run(command, cwd=clone, env=environ, capture_output=True, text=True, timeout=60, check=False)
