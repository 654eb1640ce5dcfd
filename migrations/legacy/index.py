"""Who owns what: a scratch SQLite database on disk, so that memory does not grow with the number of users.

It holds ids and places, never what was stored, so that nothing secret is left behind by a killed run.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from migrations.legacy.identity import is_user_id, safe_name, user_hash

_SCHEMA = """
    PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000;
    CREATE TABLE known (user TEXT PRIMARY KEY, hash INTEGER, safe TEXT, from_name INTEGER) WITHOUT ROWID;
    CREATE INDEX known_hash ON known (hash);
    CREATE INDEX known_safe ON known (safe);
    CREATE TABLE assigned (old TEXT PRIMARY KEY, user TEXT, used INTEGER DEFAULT 0) WITHOUT ROWID;
    CREATE TABLE sessions (id TEXT PRIMARY KEY, owner) WITHOUT ROWID;
    CREATE TABLE pointers (source TEXT, kind TEXT, ref, owner, old TEXT, user TEXT, reason TEXT);
"""

_USE_ASSIGNMENT = "UPDATE assigned SET used = 1 WHERE old = ? RETURNING user"


@dataclass(frozen=True)
class Pointer:
    """Where one record or file is: its source, kind (`files` for a whole file), and id or file name."""

    source: str
    kind: str
    ref: Any
    old: str
    reason: str = ""


@dataclass(frozen=True)
class Owner:
    """Whose something is, or why that is not known; `old` is how `--assign` names it."""

    user: str | None
    old: str
    reason: str = ""


class Index:
    """Who owns what. First everything is noted, then resolved, then read user by user."""

    def __init__(self) -> None:
        # An empty name is a temporary database on disk that SQLite deletes by itself.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Delete the scratch database."""
        self._database.close()

    def know(self, user_ids: Iterable[str], *, from_name: bool = False) -> None:
        """Note Clerk ids; `from_name` marks one that was read off a file's name and may be another's."""
        rows = ((user, user_hash(user), safe_name(user), from_name) for user in user_ids)
        self._database.executemany("INSERT OR IGNORE INTO known VALUES (?, ?, ?, ?)", rows)

    def assign(self, assignments: Iterable[tuple[str, str]]) -> None:
        """Note what the operator says about what cannot be matched."""
        self._database.executemany("INSERT OR REPLACE INTO assigned (old, user) VALUES (?, ?)", assignments)

    def note_sessions(self, references: Iterable[tuple[object, object]]) -> None:
        """Note the owner of every session, and the ids that stand there as text."""
        for session, owner in references:
            self._database.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?)", (str(session), owner))
            if is_user_id(owner):
                self.know([str(owner)])

    def note(self, source: str, kind: str, references: Iterable[tuple[object, object]]) -> None:
        """Note rows or files, (id, owner) each."""
        rows = ((source, kind, ref, owner) for ref, owner in references)
        self._database.executemany("INSERT INTO pointers (source, kind, ref, owner) VALUES (?, ?, ?, ?)", rows)

    def resolve(self, kind: str, owner_of: "Callable[[Index, object], Owner]") -> None:
        """Decide whose each noted thing of a kind is."""
        cursor = self._database.execute("SELECT rowid, owner FROM pointers WHERE kind = ?", (kind,))
        while rows := cursor.fetchmany(5000):
            found = [(owner_of(self, owner), rowid) for rowid, owner in rows]
            self._database.executemany(
                "UPDATE pointers SET user = ?, old = ?, reason = ? WHERE rowid = ?",
                ((owner.user, owner.old, owner.reason, rowid) for owner, rowid in found),
            )

    def finish(self) -> None:
        """Make reading by user quick, once all is resolved."""
        self._database.execute("CREATE INDEX pointers_user ON pointers (user, source, kind)")

    def by_hash(self, number: int) -> list[str]:
        """The known ids that the old system turned into that number."""
        return self._users("SELECT user FROM known WHERE hash = ?", number)

    def by_file_name(self, name: str) -> list[str]:
        """The ids, known otherwise than from file names, that such a file name may stand for."""
        return self._users("SELECT user FROM known WHERE safe = ? AND NOT from_name", name)

    def assigned(self, *names: str) -> str | None:
        """Whom the operator assigned one of the names to."""
        users = [user for name in names for user in self._users(_USE_ASSIGNMENT, name)]
        return users[0] if users else None

    def unused_assignments(self) -> list[str]:
        """The names that the operator assigned and that nothing has, once all is resolved."""
        return self._users("SELECT old FROM assigned WHERE NOT used ORDER BY old")

    def session_owner(self, session: object) -> tuple[object] | None:
        """The owner noted in a session, as it stands there; None when there is no such session."""
        row = self._database.execute("SELECT owner FROM sessions WHERE id = ?", (str(session),)).fetchone()
        return None if row is None else (row[0],)

    def has_owner(self, number: int) -> bool:
        """Whether some session has that number as its user_id."""
        query = "SELECT 1 FROM sessions WHERE owner IN (?, ?) LIMIT 1"
        return self._database.execute(query, (number, str(number))).fetchone() is not None

    def users(self) -> Iterator[tuple[str, list[Pointer]]]:
        """Yield every user with all that is theirs, in the order of their ids."""
        cursor = self._database.cursor().execute(
            "SELECT user, source, kind, ref, old FROM pointers WHERE user IS NOT NULL"
            " ORDER BY user, source, kind, rowid"
        )
        for user, rows in groupby(cursor, key=lambda row: str(row[0])):
            yield user, [Pointer(*row[1:]) for row in rows]

    def count_users(self) -> int:
        """Count the users that have anything."""
        return int(self._database.execute("SELECT count(DISTINCT user) FROM pointers").fetchone()[0])

    def unmatched(self) -> Iterator[Pointer]:
        """Yield what nobody could be found for."""
        cursor = self._database.cursor().execute(
            "SELECT source, kind, ref, old, reason FROM pointers WHERE user IS NULL ORDER BY source, kind, rowid"
        )
        yield from (Pointer(*row) for row in cursor)

    def unmatched_by_old(self) -> Iterator[list[Pointer]]:
        """Yield what nobody could be found for, all that has one old id at a time."""
        cursor = self._database.cursor().execute(
            "SELECT source, kind, ref, old, reason FROM pointers WHERE user IS NULL ORDER BY old, source, kind, rowid"
        )
        for _, rows in groupby(cursor, key=lambda row: row[3]):
            yield [Pointer(*row) for row in rows]

    def _users(self, query: str, *values: object) -> list[str]:
        return [str(user) for (user,) in self._database.execute(query, values)]
