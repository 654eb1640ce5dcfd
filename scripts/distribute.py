"""Spreads a migrated database over the workers of a Citus cluster, every user's rows together on one of them.

It may be run again: what is done is left alone. Killed on its way it leaves no row behind, and the next run finishes.
While the tables move, requests wait, and are answered 503 with Retry-After where they would wait for too long.
The login is the one that ran the migrations. docs/SCALE.md says what differs afterwards.
Exit code: 0 when it is distributed, 1 when the database stopped it on the way, 2 when it cannot work.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.db.operators import Connection, connect, postgres_url
from lib.db.url import SEARCH_PATH
from scripts.distribution import distribute, remaining
from scripts.ending import run_to_end

EXAMPLES = """examples:
  python scripts/distribute.py "$DATABASE_URL_UNPOOLED" --dry-run
  python scripts/distribute.py "$DATABASE_URL_UNPOOLED"
"""
MOST_SHARDS = 64_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Distribute, or say what there is to do; the exit code is this module's docstring's."""
    options = _parser().parse_args(arguments)
    return run_to_end(lambda: _distribute(options), "distribute")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", metavar="DATABASE_URL", help="the coordinator's database")
    parser.add_argument("--shards", type=_shards, metavar="NUMBER", help="of users; Citus' own default without it")
    parser.add_argument("--dry-run", action="store_true", help="say what there is to do, change nothing")
    return parser


def _shards(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_SHARDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_SHARDS}")
    return int(text)


def _distribute(options: argparse.Namespace) -> int:
    with connect(postgres_url(options.url), "distribute") as connection:
        connection.autocommit = True
        connection.execute("SELECT set_config('search_path', %s, false)", [SEARCH_PATH])
        return _run(connection, options)


def _run(connection: Connection, options: argparse.Namespace) -> int:
    todo = remaining(connection).lines()
    if not todo:
        print("Nothing to do: the database is distributed.")
        return 0
    if options.dry_run:
        print("\n".join(["To do:", *(f"  {line}" for line in todo), "dry run: nothing was changed"]))
        return 0
    distribute(connection, options.shards, lambda line: print(line, flush=True))
    print("The database is distributed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
