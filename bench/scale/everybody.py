"""The operators' commands that read every user: how long they take among many."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TypedDict

import psycopg

from bench.processes import TICKS
from bench.progress import say
from bench.scale.backends import Crowd
from dev.harness.waiting import wait_until
from dev.settings import ROOT, without_settings

COMMANDS = {
    "funnel.py": ("scripts/funnel.py",),
    "funnel.py --since, which leaves nobody out": ("scripts/funnel.py", "--since", "2020-01-01"),
    "retention.py, which only counts": ("scripts/retention.py", "--older-than", "400d"),
    "retention.py --erase": ("scripts/retention.py", "--older-than", "729d", "--erase"),
}


class Read(TypedDict):
    """One command: seconds to the clock, and of processor time in Postgres; the last line that it printed."""

    seconds: float
    postgres_cpu_s: float
    said: str


def measure(crowd: Crowd, postmaster: int) -> dict[str, Read]:
    """Run each command. `postmaster` is the server's process, which serves nobody else any more."""
    found: dict[str, Read] = {}
    wait_until(lambda: _is_alone(crowd.url))
    for name, command in COMMANDS.items():
        say(f"{crowd.users:,} users: {name}")
        environ = {**without_settings(os.environ), "DATABASE_URL": crowd.url}
        before, started = _ended_cpu(postmaster), time.monotonic()
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
        )
        took = time.monotonic() - started
        time.sleep(0.2)  # until its server processes have ended
        found[name] = {
            "seconds": took,
            "postgres_cpu_s": _ended_cpu(postmaster) - before,
            "said": done.stdout.strip().splitlines()[-1],
        }
    return found


def _is_alone(url: str) -> bool:
    with psycopg.connect(url) as connection:
        others = "SELECT 1 FROM pg_stat_activity WHERE datid IS NOT NULL AND pid <> pg_backend_pid()"
        return connection.execute(others).rowcount == 0


def _ended_cpu(postmaster: int) -> float:
    """Seconds of processor time of the server's processes that have ended: connections' and their helpers'."""
    fields = Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICKS
