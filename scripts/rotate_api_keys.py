"""Re-encrypts the stored API keys under the first of API_KEY_ENCRYPTION_KEYS, while requests go on.

To change the encryption key without anybody noticing:
  1. put the new key behind the old one in API_KEY_ENCRYPTION_KEYS and deploy, so that every function can read both;
  2. put it first and deploy;
  3. run this, with the same variable and the database's;
  4. when it says so, take the old key away and deploy.

It may be killed and started again at any moment: what is done is done. A key that somebody saves meanwhile is never
overwritten by an older one. No key is printed.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, TypedDict

import psycopg
from sqlalchemy import ARRAY, LargeBinary, bindparam, func, select, update

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.config import Settings, settings
from lib.db import api_keys
from lib.db.database import Database
from lib.db.encryption import KeyRing
from lib.db.engine import build_pool
from lib.db.operators import PostgresURL, connect, postgres_url, reason_of, take_role
from lib.db.statements import USER, Query, Statement, parameter
from lib.db.tables import api_keys as api_keys_table
from lib.db.url import UnusableURL
from lib.errors import Unavailable

EXAMPLES = """example:
  DATABASE_URL=postgresql://… API_KEY_ENCRYPTION_KEYS=NEW=,OLD= python scripts/rotate_api_keys.py
"""

_COUNT_OUTDATED = "SELECT count(*) FROM api_keys WHERE substr(encrypted_key, 1, length(%(current)s)) <> %(current)s"
_NEXT_USERS = """
    SELECT DISTINCT user_id FROM api_keys
    WHERE substr(encrypted_key, 1, length(%(current)s)) <> %(current)s AND user_id > %(last)s
    ORDER BY user_id LIMIT 500
"""
_PROGRESS_EVERY = 500  # users


class _Provider(TypedDict):
    provider: str


_key = api_keys_table.c

# Compare and swap, after every write of this user that is under way: a key saved since it was read stays.
_SWAP = Statement(
    update(api_keys_table)
    .where(
        _key.user_id == USER,
        _key.provider == parameter(api_keys_table, "provider"),
        _key.encrypted_key == bindparam("old", type_=LargeBinary),
    )
    .values(encrypted_key=bindparam("new", type_=LargeBinary))
)
_RENEWED = Query(
    select(_key.provider).where(
        _key.user_id == USER, _key.encrypted_key == func.any(bindparam("new", type_=ARRAY(LargeBinary)))
    ),
    _Provider,
)


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 when every key is under the first key, 1 when some cannot be read, 2 when it cannot work."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    try:
        return _rotate(settings())
    except (Unavailable, UnusableURL, psycopg.Error) as error:
        print(f"cannot rotate: {reason_of(error)}", file=sys.stderr)
    return 2


def _rotate(configuration: Settings) -> int:
    key_ring = KeyRing(configuration.api_key_encryption_keys)
    operator = Operator(postgres_url(configuration.direct_database_url), key_ring.current_prefix)
    database = Database(build_pool(configuration.direct_database_url))
    print(f"{operator.count_outdated()} keys are not under the first key yet.", flush=True)
    try:
        # A function that has not heard of the new key yet may save under the old one behind the place where we are.
        while _rotate_all(operator, database, key_ring):
            pass
    finally:
        database.close()
    return _report(operator.count_outdated())


def _rotate_all(operator: "Operator", database: Database, key_ring: KeyRing) -> int:
    """Rotate the keys of every user once; how many there were."""
    rotated = 0
    for users, user_id in enumerate(operator.users_with_outdated_keys(), start=1):
        rotated += _rotate_user(database, key_ring, user_id)
        if users % _PROGRESS_EVERY == 0:
            print(f"{rotated} keys of {users} users re-encrypted …", flush=True)
    if rotated:
        print(f"{rotated} keys re-encrypted.", flush=True)
    return rotated


def _rotate_user(database: Database, key_ring: KeyRing, user_id: str) -> int:
    stored = api_keys.read(database, user_id)
    outdated = {provider: value for provider, value in stored.items() if not key_ring.is_current(value)}
    secrets = key_ring.decrypt_all(user_id, outdated)
    renewed = {provider: key_ring.encrypt(user_id, provider, secret) for provider, secret in secrets.items()}
    swaps = [_SWAP(provider=provider, old=outdated[provider], new=key) for provider, key in renewed.items()]
    return len(database.write_and_read(user_id, swaps, _RENEWED(new=list(renewed.values())))) if swaps else 0


def _report(unreadable: int) -> int:
    if unreadable:
        print(f"{unreadable} keys cannot be read by any of the configured keys; keep the old ones.", file=sys.stderr)
        return 1
    print("Every stored key is under the first key: the others can be taken away.")
    return 0


@dataclass(frozen=True)
class Operator:
    """Reads as the role that sees every user's rows and may change none."""

    url: PostgresURL
    current: bytes

    def users_with_outdated_keys(self) -> Iterator[str]:
        """Every user with a key that is not under the first key, in order, read a page at a time."""
        last = ""
        while page := self._read(_NEXT_USERS, last=last):
            yield from (user_id for (user_id,) in page)
            last = page[-1][0]

    def count_outdated(self) -> int:
        """How many keys are not under the first key."""
        return int(self._read(_COUNT_OUTDATED)[0][0])

    def _read(self, query: LiteralString, **parameters: object) -> list[tuple[Any, ...]]:
        with connect(self.url, "rotate_api_keys") as connection:
            take_role(connection, "onboarding_operator")
            return connection.execute(query, {"current": self.current, **parameters}).fetchall()


if __name__ == "__main__":
    sys.exit(main())
