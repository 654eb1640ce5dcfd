"""`make reset`: erase the development database, once the person has said yes. Keys and `.env.local` stay."""

from __future__ import annotations

import sys

from dev.local_postgres import LocalPostgres, LocalPostgresError, erase
from dev.settings import DEV_FOLDER


def main() -> int:
    """Ask, erase, and return the exit code: 1 where nothing was erased."""
    server = LocalPostgres(DEV_FOLDER / "postgres")
    if not server.data.exists():
        print(f"There is no development database in {server.data}: make dev creates one.")
        return 0
    try:
        answer = input(f"Erase the development database in {server.data}, for good? Type yes: ")
    except (EOFError, KeyboardInterrupt):
        answer = ""
        print()
    if answer.strip().lower() != "yes":
        print("Nothing was erased.", file=sys.stderr)
        return 1
    try:
        erase(server)
    except LocalPostgresError as error:
        print(error, file=sys.stderr)
        return 1
    print("Erased. The next make dev begins with an empty database.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
