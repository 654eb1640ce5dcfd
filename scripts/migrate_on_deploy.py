"""Vercel's build command: migrates the database of a deployment before its functions are built.

Runs where only uv is at hand, so it imports nothing but the standard library. A migration that fails fails the build,
and the deployment before keeps serving.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
MIGRATE = ("python", "-m", "migrations")
_ERROR = re.compile(r"(FAILED|Cannot migrate|error|\w+Error|[a-z]\w*(\.\w+)+): ")
WITH_REQUIREMENTS = ("uv", "run", "--isolated", "--no-project", "--with-requirements", "requirements-migrate.txt")


def main() -> int:
    """Migrate where this deployment has a database of its own, and return the exit code."""
    if reason := reason_to_skip(os.environ):
        print(f"Migrations: skipped, {reason}.", flush=True)
        return 0
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*WITH_REQUIREMENTS, *MIGRATE],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    output = redacted(done.stdout, passwords(os.environ.values()))
    if done.returncode == 0:
        print(f"{output}Migrations: the database is up to date.", flush=True)
        return 0
    if "Traceback" in output:
        print(output, file=sys.stderr, end="")
    print(f"Migrations: failed, so this deployment stops here: {cause(output)}", file=sys.stderr, flush=True)
    return 1


def reason_to_skip(environ: Mapping[str, str]) -> str | None:
    """Tell why this build must not migrate, or None. VERCEL_ENV tells production from previews; VERCEL does not."""
    where = environ.get("VERCEL_ENV", "").strip()
    if where == "production":
        return None
    if where == "preview":
        if environ.get("PREVIEW_DATABASE", "").strip() == "isolated":
            return None
        return "since a preview may share its database with production; PREVIEW_DATABASE=isolated says that it does not"
    return f"since VERCEL_ENV is {where or 'not set'}: only production, and previews with a database of their own, do"


def passwords(values: Iterable[str]) -> set[str]:
    """Collect the passwords of all URLs among the values, percent-encoded and decoded."""
    encoded = {found for value in values if (found := _password(value))}
    return encoded | {unquote(password) for password in encoded}


def _password(value: str) -> str | None:
    try:
        return urlsplit(value.strip()).password
    except ValueError:
        return None


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Blank out secrets, the longest first, since one may be a part of another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


def cause(output: str) -> str:
    """Pick the line of alembic's or uv's output that tells a person what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    return (errors or lines or ["there was no output"])[-1]


if __name__ == "__main__":
    sys.exit(main())
