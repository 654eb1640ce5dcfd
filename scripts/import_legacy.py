"""Imports what the old system stored, progress files and a SQLite or Postgres database, into this project's Postgres.

Nothing newer in the target is overwritten, a second run changes nothing, and an interrupted run goes on where it was.
The report ends with a reconciliation; exit code 1 says that something could not be read, is not accounted for, or was
named in vain.
"""

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.config import Settings
from lib.db.encryption import KeyRing
from lib.db.operators import Connection, PostgresURL, UnusableURL, connect
from migrations.legacy.arguments import assignment, check_report_path, check_user_ids, file_problem, user_ids
from migrations.legacy.importing import Importer
from migrations.legacy.index import Index
from migrations.legacy.key_check import stored_keys
from migrations.legacy.old_database import OldDatabase, open_old_database
from migrations.legacy.old_rows import opened_row
from migrations.legacy.progress_line import ProgressLine
from migrations.legacy.records import API_KEY
from migrations.legacy.report import Report, counted
from migrations.legacy.sources import Sources
from migrations.legacy.target import Target
from migrations.legacy.urls import parse_postgres_url, parse_url
from scripts.ending import run_to_end

EXAMPLES = """examples:
  python scripts/import_legacy.py --to "$DATABASE_URL" --files backend --database sqlite:///alwrity.db --dry-run
  python scripts/import_legacy.py --to postgresql://user:password@host/new --database sqlite:///alwrity.db \\
      --user-ids ids.txt --assign 3=user_2KF --report report.json
The API keys are encrypted with API_KEY_ENCRYPTION_KEYS from the environment.
"""


class WrongKeysError(Exception):
    """The encryption keys are those of another database. The message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 when all is accounted for, 1 when not, 2 when an argument or a database cannot be used."""
    options = _parser().parse_args(arguments)
    return run_to_end(lambda: _import_or_explain(options), "import")


def _import_or_explain(options: argparse.Namespace) -> int:
    try:
        return _import(options)
    except WrongKeysError as error:
        print(f"cannot import: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"stopped: {file_problem(error)}", file=sys.stderr)
        return 1


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
    assignments = [assignment(text) for text in options.assign]
    url = parse_postgres_url(options.to)
    check_report_path(options.report)
    if odd := check_user_ids(options.user_ids):
        print(f"{counted(odd, 'line')} of {options.user_ids} passed over: no Clerk id")
    with ExitStack() as stack:
        report = stack.enter_context(Report())
        importer = _importer(stack, options, url, report)
        users = importer.prepare(user_ids(options.user_ids), assignments)
        print(f"{counted(users, 'user')} to import", flush=True)
        line = ProgressLine(users, "users")
        importer.run(line.advance)
        line.finish()
        _show(report, options, url)
        problems = list(_problems(importer, options.files))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _importer(stack: ExitStack, options: argparse.Namespace, url: PostgresURL, report: Report) -> Importer:
    connection = stack.enter_context(connect(url, "import_legacy"))
    connection.autocommit = True
    keys = cache(lambda: KeyRing(Settings(os.environ).api_key_encryption_keys))
    target = Target(connection, keys)
    target.check()
    database: OldDatabase | None = None
    if options.database is not None:
        database = stack.enter_context(open_old_database(parse_url(options.database)))
    _check_keys(connection, database)
    sources = Sources(options.files, database, lambda row: opened_row(row, keys))
    index = stack.enter_context(closing(Index()))
    return Importer(sources, target, index, report, connection.transaction, options.dry_run)


def _check_keys(connection: Connection, database: OldDatabase | None) -> None:
    """Raise Unavailable or UnusableURL where the encryption keys are missing or those of another database."""
    is_set = os.environ.get("API_KEY_ENCRYPTION_KEYS", "").strip()
    encryption_keys = Settings(os.environ).api_key_encryption_keys if is_set else ()
    stored = stored_keys(connection, encryption_keys)
    if not is_set and (stored.total or (database and database.count(API_KEY))):
        raise UnusableURL("API_KEY_ENCRYPTION_KEYS is not set")
    if stored.fit_nothing:
        raise WrongKeysError(
            f"{counted(stored.total, 'API key')} in the target, and API_KEY_ENCRYPTION_KEYS can read none of them: "
            "set the keys of the deployment that uses this database"
        )
    if stored.unreadable:
        print(f"{stored.unreadable:,} of {stored.total:,} API keys in the target cannot be read and stay as they are")


def _problems(importer: Importer, folder: Path | None) -> Iterator[str]:
    """Yield what makes the run a failure, a line each."""
    report = importer.report
    if not report.is_balanced():
        yield "Not everything that was found is accounted for: see the tables above."
    if folder is not None and next(importer.sources.file_names(), None) is None:
        yield f"There is no progress file in {folder}: their names are .onboarding_progress_….json."
    if not report.found.total():
        yield "Nothing was found to import."
    if count := report.unreadable["files"]:
        yield f'{count:,} files could not be read: see "broken" above.'
    if count := report.unreadable["keys"]:
        yield f"{counted(count, 'old API key')} cannot be read with API_KEY_ENCRYPTION_KEYS and left out."
    if unused := importer.index.unused_assignments():
        yield f"{counted(len(unused), '--assign option')} for what is not there: {', '.join(unused)}."


def _show(report: Report, options: argparse.Namespace, url: PostgresURL) -> None:
    for text in report.lines(dry_run=options.dry_run):
        print(text)
    if options.dry_run:
        print("dry run: nothing was written")
    if options.report is not None:
        report.write_json(options.report, target=str(url), dry_run=options.dry_run)


if __name__ == "__main__":
    # What cannot be decrypted is counted. Here, and not where keys are read: a level lasts for the process.
    logging.getLogger("lib.db.encryption").setLevel(logging.CRITICAL)
    sys.exit(main())
