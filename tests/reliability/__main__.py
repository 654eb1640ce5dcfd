"""`make soak`: the campaign at length, with the real time limit, and its figures in docs/RELIABILITY.md."""

from __future__ import annotations

import logging
import os
import platform
import sys
from datetime import UTC, datetime

from dev.harness.clerk import TokenFactory
from dev.harness.in_process import InProcess
from dev.harness.postgres import alembic, throwaway_postgres
from dev.settings import ROOT, SETTINGS, SigningKey, new_encryption_key
from lib import bootstrap
from lib.db.scope import TIME_LIMIT_S
from tests.reliability.campaign import THREADS, USERS_OF_A_THREAD, Campaign, Figures
from tests.reliability.faults import Faults
from tests.reliability.faulty_line import faulty_line
from tests.support.inspection import superuser

REPORT = ROOT / "docs" / "RELIABILITY.md"
BEGINNING, END = "<!-- soak -->\n", "<!-- /soak -->"


def main(arguments: list[str]) -> int:
    """Run the number of requests that is asked for, 100,000 by default. 0 when nothing went wrong."""
    count = int(arguments[0]) if arguments else 100_000
    figures = _run(count)
    table = _table(figures)
    sys.stdout.write(table)
    before, _, rest = REPORT.read_text().partition(BEGINNING)
    REPORT.write_text(f"{before}{BEGINNING}{table}{END}{rest.partition(END)[2]}")
    for example in figures.examples[:20]:
        sys.stderr.write(f"{example}\n")
    return 1 if figures.wrong or any(status not in {200, 429, 503} for status in figures.statuses) else 0


def _run(count: int) -> Figures:
    key = SigningKey.generate()
    with throwaway_postgres(in_memory=True) as server:
        url = server.create_database("soak")
        alembic(url, "upgrade", "head")
        with faulty_line(url) as line, superuser(server, url) as database:
            for name in SETTINGS:
                os.environ.pop(name, None)
            settings = {"DATABASE_URL": line.url, "CLERK_JWT_KEY": key.public_pem}
            os.environ.update(settings, API_KEY_ENCRYPTION_KEYS=new_encryption_key())
            bootstrap.reset()
            logging.disable(logging.CRITICAL)
            client = InProcess("", 0, TokenFactory(key))
            figures = Campaign(client, Faults(line, database, TIME_LIMIT_S, seed=1), count).run()
            bootstrap.reset()
            return figures


def _table(figures: Figures) -> str:
    answers = figures.statuses
    rows = {
        "requests": f"{figures.requests:,} of {THREADS * USERS_OF_A_THREAD} users in {figures.seconds:,.0f} s",
        "faults made": ", ".join(f"{kind} {count}" for kind, count in sorted(figures.faults.items())),
        "acknowledged writes lost": str(figures.wrong["acknowledged lost"]),
        "overwritten by older writes": str(figures.wrong["overwritten by older"]),
        "answers that show another user": str(figures.wrong["users crossed"]),
        "answered 200, a last look at every user included": f"{answers[200]:,}",
        "other answers by kind": ", ".join(f"{kind}: {count:,}" for kind, count in sorted(figures.problems.items())),
        "longest answer": f"{figures.longest:.2f} s (the limit is {TIME_LIMIT_S} s)",
        "recovery after the last fault": f"{figures.recovery:.2f} s until {THREADS} writes in a row succeeded",
        "peak memory, clients included": f"{figures.peak_memory:,.0f} MiB",
    }
    when = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [f"Measured on {when}.", "", "| figure | value |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {value or 'none'} |" for name, value in rows.items())]) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
