"""Shows how far users get: of each step, how many reached, finished and skipped it, and how long it takes them.

Reads the database of DATABASE_URL_UNPOOLED or DATABASE_URL; ONBOARDING_FLOW says which page's steps are shown.
docs/OBSERVING.md defines each number. Exit code: 0, or 2 when the database cannot be used.
"""

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.config import Settings
from lib.db.funnel import counts, query
from lib.db.operator_scope import COUNTING, OPERATOR_ROLE
from lib.db.operators import UnusableURL, connect, one_line, postgres_url, take_role
from lib.db.scope import IS_CLUSTER
from lib.errors import Unavailable
from lib.steps.funnel import Funnel, StepFunnel, funnel

EXAMPLES = """examples:
  python scripts/funnel.py
  python scripts/funnel.py --since 2026-11-01
  python scripts/funnel.py --since 2026-11-01 --csv > funnel.csv
"""
UNUSABLE = 2
BAR_CHARACTERS = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the funnel; the exit code is this module's docstring's."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--since", type=_day, metavar="DATE", help="count only who started on that day (UTC) or later")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, as GET /api/operations/funnel answers")
    form.add_argument("--csv", action="store_true", help="print a line for each step, for a spreadsheet")
    options = parser.parse_args(arguments)
    try:
        found = read(options.since)
    except (UnusableURL, Unavailable, psycopg.Error) as error:
        reason = error.reason if isinstance(error, Unavailable) else one_line(error)
        print(f"cannot count: {reason}", file=sys.stderr)
        return UNUSABLE
    if options.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    elif options.csv:
        _write_csv(found)
    else:
        print("\n".join(lines(found, options.since)))
    return 0


def read(since: datetime | None) -> Funnel:
    """Count in the database of the environment. Raises UnusableURL, Unavailable or psycopg.Error."""
    configuration = Settings(os.environ)
    flow = configuration.onboarding_flow
    with connect(postgres_url(configuration.direct_database_url), "funnel") as connection:
        take_role(connection, OPERATOR_ROLE)
        connection.execute(COUNTING.encode())
        is_cluster = connection.execute(f"SELECT {IS_CLUSTER}".encode()).fetchone() == (True,)
        statement = query(since, of_cluster=is_cluster)
        row = connection.cursor(row_factory=dict_row).execute(statement.sql.encode(), statement.values).fetchone()
    if row is None:
        raise UnusableURL("the database gave no row")
    return funnel(counts(row), flow)


def lines(found: Funnel, since: datetime | None) -> Iterator[str]:
    """Yield the funnel for a terminal of 80 columns. A bar is the share of those who started that reached the step."""
    started = found["started"]
    yield f"Started{f' since {since:%Y-%m-%d}' if since else ''}: {started:,}"
    yield f"Completed: {_part(found['completed'], started)}"
    yield f"Stuck for over 7 days: {_part(found['stuck_over_7_days'], started)}"
    yield ""
    yield f"{'step':<19} {'reached':<{BAR_CHARACTERS + 8}} finished skipped begun   median"
    yield from (_step_line(step, started) for step in found["steps"])


def _step_line(step: StepFunnel, started: int) -> str:
    share = step["reached"] / started if started else 0.0
    bar = "█" * round(share * BAR_CHARACTERS)
    title = f"{step['step_number']} {step['title']}"
    figures = f"{_short(step['finished']):>8} {_short(step['skipped']):>7} {_short(step['in_progress']):>5}"
    return (
        f"{title:<19.19} {bar:<{BAR_CHARACTERS}} {_short(step['reached']):>7} {figures}"
        f" {duration(step['median_seconds']):>8}"
    )


def duration(seconds: float | None) -> str:
    """A time for people, in at most 8 characters."""
    if seconds is None:
        return "–"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}" if seconds < 10 * length else f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _short(number: int) -> str:
    """A count in at most 5 characters."""
    for unit, size in (("M", 1_000_000), ("k", 10_000)):
        if number >= size:
            divisor = 1_000 if unit == "k" else size
            return f"{number / divisor:.0f}{unit}" if number >= 100 * divisor else f"{number / divisor:.1f}{unit}"
    return str(number)


def _part(number: int, whole: int) -> str:
    return f"{number:,} ({number / whole:.1%})" if whole else f"{number:,}"


def _write_csv(found: Funnel) -> None:
    rows = csv.DictWriter(sys.stdout, list(StepFunnel.__annotations__), lineterminator="\n")
    rows.writeheader()
    rows.writerows(found["steps"])


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-11-01") from None


if __name__ == "__main__":
    sys.exit(main())
