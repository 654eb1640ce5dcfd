"""Many users at once, made by Postgres itself: for plans and latencies that only show on large tables.

They get as far as people do: all begin, six of ten have an analysis, four preferences, three have finished. What the
requests of one user wrote lies apart, as it does where others write in between. Ids sort in the order in which users
came, as Clerk's do, which makes them quick to add to an index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import Table

from lib.db.tables import metadata

_TIME = "now() - (730 - 730.0 * n / {users}) * interval '1 day'"
"""The users of two years, evenly."""
_HASH = "encode(sha256(('user_2erased_' || n)::bytea), 'hex')"


def _id(number: int) -> str:
    # Scattered like random ids, and no two alike: an odd factor permutes the numbers below a power of two.
    return f"4503599627370496 + (n * 64 + {number}) * 2654435761 % 2251799813685248"


_USER = {"user_id": "'user_2population_' || lpad(n::text, 9, '0')"}
_CHILD = {**_USER, "session_id": _id(0)}


@dataclass(frozen=True)
class Rows:
    """Rows of some users: an expression for each column, in terms of the user's number `n`."""

    table: str
    columns: Mapping[str, str]
    where: str = "true"

    def sql(self, first: int, last: int, users: int) -> bytes:
        """The statement that makes the rows of the users from `first` to `last`, of so many."""
        names, values = ", ".join(self.columns), ", ".join(self.columns.values()).replace("{users}", str(int(users)))
        series = f"generate_series({int(first)}::bigint, {int(last)}) AS n"
        return f"INSERT INTO {self.table} ({names}) SELECT {values} FROM {series} WHERE {self.where}".encode()  # noqa: S608 - constants of this module


def _of_ten(number: int) -> str:
    return f"n % 10 < {number}"


def _step(key: str, of_ten: int) -> Rows:
    data = f'\'{{"step": "{key}"}}\''
    times = {"completed_at": _TIME, "updated_at": _TIME}
    return Rows(
        "onboarding_steps",
        {**_CHILD, "step_key": f"'{key}'", "status": "'completed'", "data": data, **times},
        _of_ten(of_ten),
    )


def _event(number: int, kind: str, of_ten: int) -> Rows:
    columns = {**_CHILD, "id": _id(number), "at": _TIME, "kind": f"'{kind}'", "request_id": "'9f86d081884c7d65'"}
    return Rows("onboarding_events", columns, _of_ten(of_ten))


_UPDATED = {"created_at": _TIME, "updated_at": _TIME}
ROWS = (
    Rows(
        "onboarding_sessions",
        {
            **_USER,
            "id": _id(0),
            "furthest_step": f"CASE WHEN {_of_ten(3)} THEN 'finish' WHEN {_of_ten(4)} THEN 'research'"
            f" WHEN {_of_ten(6)} THEN 'website' ELSE 'api_keys' END",
            "started_at": _TIME,
            "updated_at": _TIME,
            "completed_at": f"CASE WHEN {_of_ten(3)} THEN {_TIME} END",
        },
    ),
    _step("api_keys", 10),
    _step("website", 6),
    _step("research", 4),
    _step("persona", 3),
    _step("integrations", 3),
    _step("finish", 3),
    Rows("api_keys", {**_CHILD, "provider": "'gemini'", "encrypted_key": "sha256(n::text::bytea)", **_UPDATED}),
    Rows(
        "website_analyses",
        {
            **_CHILD,
            "id": _id(1),
            "website_url": "'https://' || n || '.example.com'",
            "writing_style": """'{"tone": "Playful"}'""",
            "target_audience": """'{"demographics": ["Founders"]}'""",
            **_UPDATED,
        },
        _of_ten(6),
    ),
    Rows("research_preferences", {**_CHILD, "id": _id(2), "research_depth": "'Expert'", **_UPDATED}, _of_ten(4)),
    Rows(
        "persona_data",
        {**_CHILD, "id": _id(3), "core_persona": """'{"identity": {"voice": "Patient expert"}}'""", **_UPDATED},
        _of_ten(3),
    ),
    Rows("platform_integrations", {**_CHILD, "email": "'a@example.com'", **_UPDATED}, _of_ten(3)),
    Rows("business_info", {**_CHILD, "industry": "'Food'", **_UPDATED}, "n % 10 = 9"),
    _event(4, "onboarding.started", 10),
    _event(5, "onboarding.completed", 3),
    Rows("erased_users", {"user_hash": _HASH}, "n % 10 = 0"),
    Rows("webhook_deliveries", {"user_hash": _HASH, "delivery_id": "'msg_' || n"}, "n % 10 = 0"),
)


def user_name(number: int) -> str:
    """The id of a user of the population, 1 to its size."""
    return f"user_2population_{number:09}"


def populate(connection: psycopg.Connection[Any], users: int) -> None:
    """Add the users, and let the planner know. `connection` is a superuser's, in autocommit."""
    with connection.transaction():
        # Foreign keys hold by construction.
        connection.execute("SET LOCAL session_replication_role = replica")
        for rows in ROWS:
            connection.execute(rows.sql(1, users, users))
        for table in without_rows():
            connection.execute(one_row_a_user(table))
    connection.execute("VACUUM ANALYZE")


def without_rows() -> Iterator[Table]:
    """The tables of which this module knows nothing yet."""
    known = {rows.table for rows in ROWS}
    return (table for table in metadata.sorted_tables if table.name not in known)


def one_row_a_user(table: Table) -> sql.Composed:
    """The statement that fills a table of users, with a value wherever one is needed."""
    needed = [column for column in table.c if not (column.nullable or column.server_default or column.identity)]
    values: dict[str, LiteralString] = {column.name: _VALUES.get(column.type.python_type, "1") for column in needed}
    values |= {"user_id": "user_id", "session_id": "id"}
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM onboarding_sessions ORDER BY user_id").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.SQL, values.values())),
    )


_VALUES: dict[type[Any], LiteralString] = {str: "'x'", bytes: "'x'", dict: "'{}'", bool: "true", datetime: "now()"}
