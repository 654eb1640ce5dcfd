"""What the new database holds of each user, read as the import reads it, for comparing before and after."""

from __future__ import annotations

import os
from collections.abc import Iterable

import psycopg

from lib.config import Settings
from lib.db.encryption import KeyRing
from migrations.legacy.records import Held, Key
from migrations.legacy.target import Target


def states(url: str, users: Iterable[str]) -> dict[str, dict[Key, Held]]:
    """All things of each user, keys decrypted; the database's own ids are not part of it."""
    ring = KeyRing(Settings(os.environ).api_key_encryption_keys)
    names = list(users)
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        loaded = Target(connection, lambda: ring).load(names, lock=False)
    return {user: dict(state or {}) for user, state in zip(names, loaded, strict=True)}


def all_users(url: str) -> list[str]:
    """The ids of all users that there are."""
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE onboarding_operator")
        return [user for (user,) in connection.execute("SELECT user_id FROM onboarding_sessions ORDER BY 1").fetchall()]


def forget_everyone(url: str) -> None:
    """Empty all tables."""
    with psycopg.connect(url) as connection:
        connection.execute("TRUNCATE onboarding_sessions CASCADE")
