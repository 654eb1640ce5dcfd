"""Measures the import: writes invented users in the old format, imports them, and prints the rate and peak memory.

Each size runs in a process of its own, against a fresh database of a throw-away Postgres.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dev.settings import new_encryption_key
from migrations.legacy.sample import write_old_system

EXAMPLE = """example:
  python bench.importing.py 1000 10000
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure every size that is asked for, or be the process that imports one."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=int, default=[1000, 10000], metavar="USERS")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        return _import_one(*options.one)
    return _measure(options.sizes)


def _measure(sizes: list[int]) -> int:
    from dev.harness.postgres import alembic, throwaway_postgres

    with throwaway_postgres() as server, tempfile.TemporaryDirectory() as folder:
        for users in sizes:
            url = server.create_database(f"bench_{users}")
            alembic(url, "upgrade", "head")
            files = Path(folder, str(users))
            write_old_system(files, users)
            for run in ("first run", "second run"):
                print(f"{users} users, {run}: {_in_its_own_process(url, files)}")
    return 0


def _in_its_own_process(url: str, files: Path) -> str:
    command = [sys.executable, __file__, "--one", url, str(files), str(files / "old.db")]
    environ = {**os.environ, "API_KEY_ENCRYPTION_KEYS": _KEY}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def _import_one(url: str, files: str, database: str) -> int:
    from scripts.import_legacy import main as import_legacy

    users, started = sum(1 for _ in Path(files).glob(".onboarding*")), time.monotonic()
    code = import_legacy(["--to", url, "--files", files, "--database", f"sqlite:///{database}"])
    seconds = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    # Beside the wall clock, which other work on the machine slows down.
    own = f"{(used.ru_utime + used.ru_stime) / users * 1000:.1f} ms of CPU a user"
    print(f"{seconds:.1f} s, {users / seconds:.0f} users/s, {own}, peak {peak:.0f} MiB, exit code {code}")
    return code


_KEY = new_encryption_key()

if __name__ == "__main__":
    sys.exit(main())
