"""`make vercel-dev`: the functions under the real `vercel dev`, on an embedded Postgres."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dev.database import migrated_development_database
from dev.local_postgres import LocalPostgresError
from dev.settings import ROOT, SAMPLE_USER, development_environment, without_settings

INSTALLED_CLI = ROOT / "dev" / "harness" / "vercel" / ".cache" / "vercel" / "node_modules" / ".bin" / "vercel"
MARK = "# Written by `make vercel-dev`, which overwrites this file as long as this line is here."
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class VercelDevError(Exception):
    """`vercel dev` cannot run. The message is one line that says what to do."""


def main() -> int:
    """Run `vercel dev` until it is stopped, and return the exit code."""
    try:
        cli = find_cli()
        with migrated_development_database() as url:
            write_env_file(ROOT / ".env", development_environment(url))
            return run(cli)
    except (VercelDevError, LocalPostgresError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def find_cli() -> str:
    """The `vercel` that the platform tests installed, or the one on PATH. Raises VercelDevError."""
    found = shutil.which(INSTALLED_CLI) or shutil.which("vercel")
    if found is None:
        raise VercelDevError(
            "The Vercel CLI was not found: install Node.js and run `make test` once, or npm install --global vercel"
        )
    return found


def write_env_file(file: Path, variables: Mapping[str, str]) -> None:
    """Write the only file whose variables `vercel dev --local` gives to a function.

    A file that was not written here is left unchanged.
    """
    if file.exists() and not file.read_text().startswith(MARK):
        print(
            f"{file.name} was not written by make vercel-dev, so it is left unchanged and its settings are used.",
            file=sys.stderr,
        )
        return
    lines = [f'{name}="{value.replace(chr(10), chr(92) + "n")}"' for name, value in variables.items()]
    file.touch(mode=0o600)
    file.write_text("\n".join([MARK, *lines, ""]))


def run(cli: str) -> int:
    """Run the CLI until it ends or we are interrupted."""
    port = os.environ.get("PORT", "3000")
    # `vercel dev` installs requirements with uv, which the virtual environment has.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    kept = {name: value for name, value in without_settings(os.environ).items() if name != "VIRTUAL_ENV"}
    environ = {**kept, "PATH": path, "VERCEL_TELEMETRY_DISABLED": "1"}
    print(f"A token for {SAMPLE_USER}: make token", flush=True)
    command = [cli, "dev", "--local", "--yes", "--listen", port]
    received: list[int] = []
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: received.append(signal.SIGINT))
    # An exception in the moment in which the CLI is started would leave it running.
    child = subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True)
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: child.send_signal(signal.SIGINT))
    if received:
        child.send_signal(signal.SIGINT)
    try:
        return child.wait()
    finally:
        # The CLI leaves the functions behind that it keeps frozen between requests.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
