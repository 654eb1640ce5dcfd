"""What Postgres itself refuses to the role that functions work as, whatever SQL reaches it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy import Column

from dev.harness.every_call import save_everything
from dev.harness.in_process import InProcess
from dev.harness.wizard import complete_step, walk
from lib.db.tables import metadata
from tests.support.given_server import GivenServer, Server
from tests.support.inspection import ALL_TABLES, USER_TABLES, Superuser, contents

ROLE, PASSWORD = "onboarding_app", "onboarding"
USER, OTHER = "user_2insider", "user_2victim"

type AppConnection = psycopg.Connection[tuple[object, ...]]


@dataclass
class Insider:
    """A connection that logged in as the functions' role: there is no other role behind it to fall back to."""

    connection: AppConnection
    user: str | None = None

    def becomes(self, user: str | None) -> None:
        """Act for a user from now on, or for none."""
        self.user = user

    def execute(self, statement: str | sql.Composed, parameters: Sequence[object] = ()) -> psycopg.Cursor[Any]:
        """Run a statement for the user, in a transaction that the workers of a cluster know the user of, too."""
        with self.connection.transaction():
            if self.user is not None:
                self.connection.execute("SET LOCAL citus.propagate_set_commands = 'local'")
                self.connection.execute(sql.SQL("SET LOCAL app.user_id = {}").format(sql.Literal(self.user)))
            return self.connection.execute(statement, parameters)

    def count(self, statement: str, table: str) -> int:
        """How many rows a statement on a table reached."""
        return self.execute(sql.SQL(statement).format(table=sql.Identifier(table))).rowcount


@pytest.fixture
def insider(postgres: Server, database_url: str, database: Superuser, calls: InProcess) -> Iterator[Insider]:
    """Two users have filled every table, and somebody got hold of the functions' role."""
    for user in (USER, OTHER):
        save_everything(calls, user)
    database.execute("INSERT INTO erased_users SELECT encode(sha256('user_2gone'), 'hex')")
    name = urlsplit(database_url).path[1:]
    if isinstance(postgres, GivenServer):  # where that role can log in already, and not for this test alone
        with psycopg.connect(postgres.url(name, user=ROLE), autocommit=True) as connection:
            yield Insider(connection)
        return
    database.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), PASSWORD))
    parts = urlsplit(database_url)
    try:
        with psycopg.connect(
            host=parts.hostname, port=parts.port, dbname=parts.path[1:], user=ROLE, password=PASSWORD, autocommit=True
        ) as connection:
            yield Insider(connection)
    finally:
        database.execute(sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(sql.Identifier(ROLE)))


def test_no_row_of_anybody_else_is_reached(insider: Insider, database: Superuser) -> None:
    """Without a user, with an empty one and with another's: SELECT, UPDATE and DELETE reach nothing, on every table."""
    before = contents(database)
    for user in (None, "", "user_2stranger", f"{OTHER} ", OTHER.upper(), "%", "' OR true --"):
        insider.becomes(user)
        for table in ALL_TABLES:
            assert insider.count("SELECT * FROM {table}", table) == 0, (user, table)
        for table in USER_TABLES:
            assert insider.count("UPDATE {table} SET user_id = user_id", table) == 0, (user, table)
            assert insider.count("DELETE FROM {table}", table) == 0, (user, table)
    assert contents(database) == before


def test_only_the_own_rows_are_reached(insider: Insider, database: Superuser) -> None:
    """A statement without any WHERE stays within one user; the other's rows are all there afterwards."""
    others = [row for table in USER_TABLES for row in contents(database)[table] if OTHER in row]
    insider.becomes(USER)
    for table in USER_TABLES:
        everything = insider.execute(sql.SQL("SELECT user_id FROM {}").format(sql.Identifier(table)))
        assert {user for (user,) in everything} == {USER}
    for table in reversed(metadata.sorted_tables):
        if table.name in USER_TABLES:
            insider.count("DELETE FROM {table}", table.name)
    left = contents(database)
    assert [row for table in USER_TABLES for row in left[table]] == others


def test_no_row_is_made_for_anybody_else(insider: Insider, database: Superuser) -> None:
    """INSERT of another user's rows, and turning one's own into another's, are refused on every table."""
    before = contents(database)
    for user in (None, "", USER, "user_2stranger"):
        insider.becomes(user)
        for table in ALL_TABLES:
            with pytest.raises((errors.InsufficientPrivilege, errors.NotNullViolation)) as refused:
                insider.execute(_insert(table))
            assert "row-level security" in str(refused.value), table
    insider.becomes(USER)
    # A distributed database refuses it for everybody: a row would have to move to another worker.
    refusals = (errors.InsufficientPrivilege, errors.FeatureNotSupported)
    for table in USER_TABLES:
        with pytest.raises(refusals, match=r"row-level security|partition value"):
            insider.count("UPDATE {table} SET user_id = 'user_2victim'", table)
    assert contents(database) == before


def _insert(table: str) -> sql.Composed:
    """A row of OTHER's with a value in every column that needs one."""
    columns = [column for column in metadata.tables[table].columns if not column.nullable and not column.server_default]
    given = {column.name: _value(column) for column in columns if column.identity is None}
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, given)),
        sql.SQL(", ").join(map(sql.Literal, given.values())),
    )


def _value(column: Column[Any]) -> object:
    if column.name == "user_id":
        return OTHER
    values: dict[type[Any], object] = {str: "x", bytes: b"x", dict: "{}"}
    return values.get(column.type.python_type, 1)


def test_a_row_cannot_hang_on_another_users_session(insider: Insider, database: Superuser) -> None:
    """Even with the own id in it: foreign keys are checked past row-level security, so this one holds both columns."""
    (session_id,) = database.execute("SELECT id FROM onboarding_sessions WHERE user_id = %s", [OTHER]).fetchone() or ()
    insider.becomes(USER)
    with pytest.raises(errors.ForeignKeyViolation):
        insider.execute("UPDATE onboarding_steps SET session_id = %s", [session_id])


def test_a_tombstone_stays(insider: Insider, database: Superuser) -> None:
    """The role can leave one for its user and never take it away."""
    insider.becomes("user_2gone")
    assert insider.count("SELECT * FROM {table}", "erased_users") == 1
    for statement in ("DELETE FROM {table}", "UPDATE {table} SET erased_at = now()", "TRUNCATE {table}"):
        with pytest.raises(errors.InsufficientPrivilege):
            insider.count(statement, "erased_users")


FORBIDDEN = {
    "give a table rules": "SELECT onboarding_isolate('api_keys')",
    "create a table": "CREATE TABLE mine (a int)",
    "create a schema": "CREATE SCHEMA mine",
    "create a function": "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "create a role": "CREATE ROLE mine",
    "create a database": "CREATE DATABASE mine",
    "alter a table": "ALTER TABLE api_keys ADD COLUMN mine int",
    "drop a table": "DROP TABLE api_keys",
    "truncate a table": "TRUNCATE api_keys",
    "disable row-level security": "ALTER TABLE api_keys DISABLE ROW LEVEL SECURITY",
    "no longer force it": "ALTER TABLE api_keys NO FORCE ROW LEVEL SECURITY",
    "drop a policy": "DROP POLICY api_keys_of_user ON api_keys",
    "alter a policy": "ALTER POLICY api_keys_of_user ON api_keys USING (true)",
    "add a policy": "CREATE POLICY mine ON api_keys USING (true)",
    "add a trigger": "CREATE TRIGGER mine BEFORE UPDATE ON api_keys FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "bypass it by a setting": "SET row_security = off; SELECT * FROM api_keys",
    "bypass it by an attribute": "ALTER ROLE onboarding_app BYPASSRLS",
    "become the owner": "SET ROLE onboarding_owner",
    "become the superuser": "SET ROLE postgres",
    "become the operator": "SET ROLE onboarding_operator",
    "become another session": "SET SESSION AUTHORIZATION postgres",
    "give itself the operator": "GRANT onboarding_operator TO onboarding_app",
    "read the revision": "SELECT * FROM alembic_version",
    "read passwords": "SELECT * FROM pg_authid",
    "read files": "SELECT pg_read_file('/etc/passwd')",
    "write files": "COPY (SELECT 1) TO '/tmp/mine'",
    "run programs": "COPY api_keys FROM PROGRAM 'id'",
    "switch off checks": "SET session_replication_role = replica",
}


def test_the_role_cannot_change_the_rules(insider: Insider, database: Superuser) -> None:
    """Nothing is created, altered or dropped, no rule is relaxed and no other role taken on."""
    before = contents(database)
    insider.becomes(USER)
    for what, statement in FORBIDDEN.items():
        with pytest.raises(psycopg.Error) as refused:
            insider.connection.execute(statement)
        assert isinstance(refused.value, errors.InsufficientPrivilege | errors.InvalidParameterValue), (what, refused)
    insider.connection.execute("SET row_security = on")
    assert contents(database) == before


OPERATOR_MAY_NOT = (
    "DELETE FROM {table}",
    "UPDATE {table} SET {column} = {column}",
    "INSERT INTO {table} DEFAULT VALUES",
    "TRUNCATE {table}",
    "DROP TABLE {table}",
)


def test_the_role_cannot_give_its_rights_away(insider: Insider, database: Superuser) -> None:
    """Postgres only warns that nothing was granted, so the grants are what is looked at."""
    for table in ALL_TABLES:
        insider.count("GRANT ALL ON {table} TO PUBLIC", table)
    grants = "SELECT 1 FROM information_schema.role_table_grants WHERE grantee = 'PUBLIC' AND table_name = ANY (%s)"
    assert database.execute(grants, [[*ALL_TABLES, "alembic_version"]]).fetchone() is None


def test_the_operator_only_reads(database: Superuser, insider: Insider) -> None:
    """The role of the scripts that count and check sees every user, and changes nothing."""
    with database.transaction():
        database.execute("SET LOCAL ROLE onboarding_operator")
        for table in USER_TABLES:
            query = sql.SQL("SELECT DISTINCT user_id FROM {}").format(sql.Identifier(table))
            assert {user for (user,) in database.execute(query)} == {USER, OTHER}
    database.execute("SET ROLE onboarding_operator")
    for table in ALL_TABLES:
        column = sql.Identifier(metadata.tables[table].columns.keys()[-1])
        for statement in OPERATOR_MAY_NOT:
            with pytest.raises(errors.InsufficientPrivilege):
                database.execute(sql.SQL(statement).format(table=sql.Identifier(table), column=column))
    database.execute("RESET ROLE")


def test_the_owner_sees_nothing_without_the_role(database_url: str, insider: Insider) -> None:
    """Row-level security is forced: what a function forgets to scope shows no row, though it logged in as owner."""
    with psycopg.connect(database_url) as owner:
        for table in ALL_TABLES:
            assert owner.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).rowcount == 0


def test_the_roles_have_no_special_rights(postgres: Server, database: Superuser) -> None:
    """No superuser, nothing created, inherited or bypassed, member of nothing; no login but to a given server."""
    query = """
        SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolinherit
        FROM pg_roles WHERE rolname = %s
    """
    for role in (ROLE, "onboarding_operator"):
        assert database.execute(query, [role]).fetchone() == (isinstance(postgres, GivenServer), *(False,) * 6)
    members = "SELECT 1 FROM pg_auth_members WHERE member::regrole::text IN ('onboarding_app', 'onboarding_operator')"
    assert database.execute(members).fetchone() is None


def test_every_table_is_forced(database: Superuser) -> None:
    """A table added later is caught here: each of the schema has row-level security on and forced, with a policy."""
    unprotected = database.execute(
        """
        SELECT relname FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
        AND relname <> 'alembic_version' AND NOT (relrowsecurity AND relforcerowsecurity
            AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
        """
    ).fetchall()
    assert unprotected == []
    assert set(contents(database)) == {*ALL_TABLES, "alembic_version"}


def test_an_id_tells_nothing_and_is_exact_in_a_browser(insider: Insider, database: Superuser) -> None:
    """52 random bits above 2^52, on every table that has ids: no two follow each other, and none is an old one."""
    for table in (name for name in ALL_TABLES if "id" in metadata.tables[name].c):
        query = sql.SQL("SELECT id FROM {} ORDER BY id").format(sql.Identifier(table))
        ids = [int(str(number)) for (number,) in database.execute(query)]
        assert len(ids) >= 2, table
        assert all(2**52 <= number < 2**53 for number in ids), table
        assert all(second - first > 1000 for first, second in pairwise(ids)), table
    distinct = "SELECT count(DISTINCT onboarding_new_id()) FROM generate_series(1, 1000)"
    assert database.execute(distinct).fetchone() == (1000,)


def test_an_old_id_goes_on_working(calls: InProcess, database: Superuser) -> None:
    """A page that was open, or a link that was kept, has the small number of before."""
    walk(calls, USER, 2)
    database.execute("UPDATE website_analyses SET id = 7")
    base = "/api/onboarding/style-detection"
    assert calls.get(f"{base}/analysis/7", user=USER).status == 200
    complete_step(calls, USER, 2)
    assert calls.get("/api/onboarding/website-analysis", user=USER).json()["analysis_id"] == 7
    assert calls.delete(f"{base}/analysis/7", user=USER).status == 204
