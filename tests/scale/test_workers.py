"""What a worker shows of its shards to whoever gets hold of the functions' role there."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors, sql

from dev.harness.client import Client
from dev.harness.every_call import save_everything
from tests.support.cluster import Cluster
from tests.support.inspection import USER_TABLES, Superuser

pytestmark = pytest.mark.slow
USER, OTHER, ROLE = "user_2insider", "user_2victim", "onboarding_app"

type Connection = psycopg.Connection[tuple[object, ...]]


def tables(connection: Connection) -> Iterator[str]:
    """The tables of users that a worker has: the shards, and the tables that look like those of one Postgres."""
    query = (
        "SELECT shard_name::text FROM citus_shards WHERE nodeport = inet_server_port() AND table_name::text = ANY (%s)"
    )
    yield from (str(name) for (name,) in connection.execute(query, [USER_TABLES]).fetchall())
    yield from USER_TABLES


@pytest.fixture
def stored(http: Client, database: Superuser) -> str:
    """The name of a database in which two users have filled every table."""
    for user in (USER, OTHER):
        save_everything(http, user)
    return database.info.dbname


@pytest.mark.parametrize("user", [None, USER])
def test_no_foreign_row_is_read_or_written_on_a_worker(
    cluster: Cluster, stored: str, database: Superuser, user: str | None
) -> None:
    """SELECT, UPDATE and DELETE reach none, INSERT is refused: of a shard by its name and of the table."""
    seen = 0
    for worker in cluster.nodes[1:3]:  # one that joined another test's database has none of this name
        with worker.connect(stored) as admin, worker.connect(stored, ROLE) as connection:
            for name in list(tables(admin)):
                table = sql.Identifier(name)
                seen += admin.execute(sql.SQL("SELECT FROM {} WHERE user_id = %s").format(table), [OTHER]).rowcount
                for statement in ("SELECT FROM {} WHERE user_id = %s", "DELETE FROM {} WHERE user_id = %s"):
                    with connection.transaction():
                        act_for(connection, user)
                        reached = connection.execute(sql.SQL(statement).format(table), [OTHER])
                        assert reached.rowcount == 0, (name, statement)
            assert_no_foreign_session(connection, admin, user)
    assert seen >= 2 * len(USER_TABLES)  # the rows are there: each in its shard, and in the table over all shards
    count = database.execute("SELECT count(*) FROM onboarding_sessions WHERE user_id = %s", [OTHER]).fetchone()
    assert count == (1,)


def assert_no_foreign_session(connection: Connection, admin: Connection, user: str | None) -> None:
    """Nor can one be made, in any shard."""
    for name in [name for name in tables(admin) if name.startswith("onboarding_sessions")]:
        insert = sql.SQL("INSERT INTO {} (user_id) VALUES ('user_2nobody')").format(sql.Identifier(name))
        with connection.transaction(force_rollback=True):
            act_for(connection, user)
            with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
                connection.execute(insert)


def act_for(connection: Connection, user: str | None) -> None:
    """Act for a user until the transaction ends, as the functions do."""
    if user is not None:
        connection.execute("SET LOCAL citus.propagate_set_commands = 'local'")
        connection.execute(sql.SQL("SET LOCAL app.user_id = {}").format(sql.Literal(user)))
