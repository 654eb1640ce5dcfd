"""Measures what changes with the number of users, and writes bench/scale.json and bench/SCALE.md.

The numbers of users are the arguments, the fewest first: `python -m bench.scale 1000 100000 1000000 10000000`. Without
any, it stops at a million, which takes five minutes; ten million take 22 GB of disk and half an hour. With names of
MEASUREMENTS behind the numbers only those are measured again; the others stay as bench/scale.json has them.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg

from bench.progress import say
from bench.report import machine
from bench.scale import disk, everybody, migrations, plans, processor, statements
from bench.scale.backends import Crowd
from bench.scale.crowd import BYTES_PER_USER, load
from bench.scale.report import markdown
from bench.stage import Stage, stage
from dev.harness.postgres import alembic
from dev.local_postgres import SUPERUSER

RESULTS = Path(__file__).parents[1] / "scale.json"
USUAL = (1_000, 100_000, 1_000_000)
MIGRATED_FROM = 1_000_000
"""Fewer users show nothing of a migration; where all are fewer, the most are taken."""

type Crowds = Sequence[Crowd]


def main(arguments: Sequence[str]) -> int:
    """Measure and write. Gives the exit code."""
    logging.disable(logging.INFO)
    sizes = sorted({int(argument) for argument in arguments if argument.isdecimal()} or USUAL)
    chosen = [argument for argument in arguments if not argument.isdecimal()]
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if chosen else {}
    results["machine"] = machine()
    with stage() as prepared:
        if lack := _lack_of_disk(prepared, sum(sizes)):
            print(lack, file=sys.stderr)
            return 2
        crowds = [Crowd(size, prepared.server.create_database(f"crowd_{size}")) for size in sizes]
        results.setdefault("loaded_s", {}).update({str(crowd.users): _load(prepared, crowd) for crowd in crowds})
        for name in chosen or MEASUREMENTS:
            results[name] = MEASUREMENTS[name](prepared, crowds)
            RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    RESULTS.with_name("SCALE.md").write_text(markdown(results))
    say("done\n")
    sys.stdout.write(markdown(results))
    return 0


def _lack_of_disk(prepared: Stage, users: int) -> str | None:
    needed, free = users * BYTES_PER_USER * 3 // 2, shutil.disk_usage(prepared.server.data).free
    return (
        None if needed <= free else f"{users:,} users need {needed / 1e9:.0f} GB of disk; {free / 1e9:.0f} GB are free"
    )


def _load(prepared: Stage, crowd: Crowd) -> float:
    alembic(crowd.url, "upgrade", "head")
    started = time.monotonic()
    load(_superuser(prepared, crowd), crowd.users)
    return time.monotonic() - started


def _made(prepared: Stage, crowds: Crowds) -> dict[str, disk.Bytes]:
    with psycopg.connect(_superuser(prepared, crowds[-1]), autocommit=True) as connection:
        return disk.per_user(connection, crowds[-1].users)


def _written(prepared: Stage, _crowds: Crowds) -> dict[str, disk.Bytes]:
    url = prepared.server.create_database("written")
    alembic(url, "upgrade", "head")
    with psycopg.connect(prepared.server.url("written", user=SUPERUSER), autocommit=True) as connection:
        return disk.per_user(connection, disk.write_users(prepared, connection, url))


def _migrations(prepared: Stage, crowds: Crowds) -> dict[str, Any]:
    return {str(crowd.users): migrations.measure(prepared, crowd) for crowd in _large(crowds)}


def _everybody(prepared: Stage, crowds: Crowds) -> dict[str, Any]:
    postmaster = int((prepared.server.data / "postmaster.pid").read_text().split()[0])
    return {str(crowd.users): everybody.measure(crowd, postmaster) for crowd in _large(crowds)}


def _large(crowds: Crowds) -> Crowds:
    return [crowd for crowd in crowds if crowd.users >= MIGRATED_FROM] or crowds[-1:]


def _superuser(prepared: Stage, crowd: Crowd) -> str:
    return prepared.server.url(f"crowd_{crowd.users}", user=SUPERUSER)


# Disk first, since writes add to it; the commands last, since one of them erases users.
MEASUREMENTS: dict[str, Callable[[Stage, Crowds], Any]] = {
    "disk": _made,
    "statements": statements.measure,
    "plans": plans.measure,
    "processor": lambda prepared, crowds: processor.measure(prepared, crowds[-1]),
    "written": _written,
    "migrations": _migrations,
    "everybody": _everybody,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
