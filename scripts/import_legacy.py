"""Imports what the old system stored, progress files and a SQLite or Postgres database, into this project's Postgres.

Nothing newer in the target is overwritten, a second run changes nothing, and an interrupted run goes on where it was.
The report ends with a reconciliation; exit code 1 says that something that was found is not accounted for.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.config import Settings
from lib.db.encryption import KeyRing
from lib.db.operators import PostgresURL, UnusableURL, connect, one_line
from lib.errors import Unavailable
from migrations.legacy.identity import is_user_id
from migrations.legacy.importing import Importer
from migrations.legacy.index import Index
from migrations.legacy.old_database import OldDatabase, open_old_database
from migrations.legacy.old_rows import opened_row
from migrations.legacy.progress_line import ProgressLine
from migrations.legacy.report import Report
from migrations.legacy.sources import Sources
from migrations.legacy.target import Target
from migrations.legacy.urls import parse_postgres_url, parse_url

EXAMPLES = """examples:
  python scripts/import_legacy.py --to "$DATABASE_URL" --files backend --database sqlite:///alwrity.db --dry-run
  python scripts/import_legacy.py --to postgresql://user:password@host/new --database sqlite:///alwrity.db \\
      --user-ids ids.txt --assign 3=user_2KF --report report.json
The API keys are encrypted with API_KEY_ENCRYPTION_KEYS from the environment.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 when all is accounted for, 1 when not, 2 when an argument or a database cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        return _import(options)
    except (UnusableURL, Unavailable) as error:
        print(f"cannot import: {one_line(error) if isinstance(error, UnusableURL) else error.reason}", file=sys.stderr)
        return 2
    except (psycopg.Error, OSError) as error:
        print(f"stopped: {one_line(error)}; run again to go on", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run again to go on", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", required=True, metavar="DATABASE_URL", help="the Postgres to import into")
    parser.add_argument("--files", type=Path, metavar="DIR", help="folder of .onboarding_progress_*.json files")
    parser.add_argument("--database", metavar="URL", help="old database: sqlite:///path or postgresql://…")
    parser.add_argument("--user-ids", type=Path, metavar="FILE", help="known Clerk ids, one a line, to match hashes")
    parser.add_argument(
        "--assign", action="append", default=[], metavar="OLD=CLERK_ID", help="whose an unmatched thing is; repeatable"
    )
    parser.add_argument("--dry-run", action="store_true", help="report what would be done, write nothing")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the whole report as JSON")
    return parser


def _import(options: argparse.Namespace) -> int:
    if options.files is None and options.database is None:
        raise UnusableURL("nothing to import: give --files, --database or both")
    if options.files is not None and not options.files.is_dir():
        raise UnusableURL(f"{options.files} is no folder")
    assignments = [_assignment(text) for text in options.assign]
    url = parse_postgres_url(options.to)
    with ExitStack() as stack:
        report = stack.enter_context(Report())
        importer = _importer(stack, options, url, report)
        users = importer.prepare(_user_ids(options.user_ids), assignments)
        print(f"{users} users to import", flush=True)
        line = ProgressLine(users, "users")
        importer.run(line.advance)
        line.finish()
        _show(report, options, url)
        return 0 if report.is_balanced() else 1


def _importer(stack: ExitStack, options: argparse.Namespace, url: PostgresURL, report: Report) -> Importer:
    connection = stack.enter_context(connect(url, "import_legacy"))
    connection.autocommit = True
    keys = cache(lambda: KeyRing(Settings(os.environ).api_key_encryption_keys))
    target = Target(connection, keys)
    target.check()
    database: OldDatabase | None = None
    if options.database is not None:
        database = stack.enter_context(open_old_database(parse_url(options.database)))
    sources = Sources(options.files, database, lambda row: opened_row(row, keys))
    index = stack.enter_context(closing(Index()))
    return Importer(sources, target, index, report, connection.transaction, options.dry_run)


def _assignment(text: str) -> tuple[str, str]:
    old, _, user = text.rpartition("=")
    if not old or not is_user_id(user):
        raise UnusableURL(f"--assign {text}: expected OLD=CLERK_ID, such as 3=user_2KF")
    return old, user


def _user_ids(path: Path | None) -> Iterator[str]:
    if path is not None:
        with path.open(encoding="utf-8") as lines:
            yield from (line.strip() for line in lines if is_user_id(line.strip()))


def _show(report: Report, options: argparse.Namespace, url: PostgresURL) -> None:
    for text in report.lines():
        print(text)
    if options.dry_run:
        print("dry run: nothing was written")
    if options.report is not None:
        report.write_json(options.report, target=str(url), dry_run=options.dry_run)


if __name__ == "__main__":
    sys.exit(main())
