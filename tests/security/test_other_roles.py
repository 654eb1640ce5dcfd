"""A database such as Supabase's, where other roles are given every right on whatever is created."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import product
from typing import LiteralString

import psycopg
import pytest
from psycopg import errors, sql

from dev.harness.in_process import InProcess
from dev.harness.postgres import alembic
from dev.harness.wizard import walk
from dev.local_postgres import OWNER
from lib import bootstrap
from tests.support.given_server import GivenServer, Server
from tests.support.inspection import Superuser, superuser, tables

OUTSIDERS = ("anon", "authenticated", "service_role")
KINDS: tuple[LiteralString, ...] = ("TABLES", "SEQUENCES", "FUNCTIONS")

# Whatever is granted to the roles or to PUBLIC, on tables, columns, sequences and functions. An object that nobody was
# granted anything on has no list, which for functions means that everybody may call them.
GRANTED = """
SELECT object, coalesce(grantee::regrole::text, '') AS role, privilege_type FROM (
    SELECT oid::regclass::text AS object, (aclexplode(relacl)).* FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT attrelid::regclass::text, (aclexplode(attacl)).* FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT oid::regprocedure::text, (aclexplode(coalesce(proacl, acldefault('f', proowner)))).* FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
) AS every WHERE object !~ '^theirs'
AND (grantee = 0 OR grantee::regrole::text IN ('anon', 'authenticated', 'service_role'))
"""


pytestmark = pytest.mark.slow


@pytest.fixture
def supabase(postgres: Server, empty_database_url: str) -> Iterator[str]:
    """An empty database with Supabase's roles and default privileges, and a table of other software."""
    alone = postgres.alone() if isinstance(postgres, GivenServer) else nullcontext()
    with alone, superuser(postgres, empty_database_url) as connection:
        for role in OUTSIDERS:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        try:
            for kind in KINDS:
                connection.execute(
                    sql.SQL(
                        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT ALL ON {kind} TO {roles}"
                    ).format(
                        owner=sql.Identifier(OWNER),
                        kind=sql.SQL(kind),
                        roles=sql.SQL(", ").join(map(sql.Identifier, OUTSIDERS)),
                    )
                )
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO PUBLIC"))
            with psycopg.connect(empty_database_url) as owner:
                owner.execute("CREATE TABLE theirs (id bigint GENERATED ALWAYS AS IDENTITY, note text)")
            yield empty_database_url
        finally:
            for role in OUTSIDERS:
                connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


@pytest.fixture
def migrated(postgres: Server, supabase: str) -> Iterator[Superuser]:
    """The superuser's connection to that database, after the migrations."""
    alembic(supabase, "upgrade", "head")
    with superuser(postgres, supabase) as connection:
        yield connection


def test_no_other_role_has_any_right(migrated: Superuser) -> None:
    """On no table, column, sequence or function of ours, Alembic's own included."""
    assert migrated.execute(GRANTED).fetchall() == []


COMMANDS: tuple[LiteralString, ...] = (
    "SELECT FROM {}",
    "DELETE FROM {}",
    "TRUNCATE {}",
    "INSERT INTO {} DEFAULT VALUES",
)


def test_no_other_role_reaches_anything(migrated: Superuser) -> None:
    """What the catalogue says holds: each command on each table is refused."""
    ours = [table for table in tables(migrated) if table != "theirs"]
    assert "alembic_version" in ours
    for role in OUTSIDERS:
        migrated.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        for table, command in product(ours, COMMANDS):
            with pytest.raises(errors.InsufficientPrivilege):
                migrated.execute(sql.SQL(command).format(sql.Identifier(table)))
        migrated.execute("RESET ROLE")


def test_other_software_keeps_its_rights(migrated: Superuser, supabase: str) -> None:
    """The roles go on to reach its tables, those that it creates afterwards too."""
    with psycopg.connect(supabase) as owner:
        owner.execute("CREATE TABLE theirs_later (note text)")
    for role in OUTSIDERS:
        for table in ("theirs", "theirs_later"):
            with migrated.transaction():
                migrated.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
                migrated.execute(sql.SQL("INSERT INTO {} (note) VALUES ('x')").format(sql.Identifier(table)))


def test_a_later_table_is_closed_by_what_isolates_it(migrated: Superuser, supabase: str) -> None:
    """A revision that adds one calls `onboarding_isolate`, and needs nothing else."""
    with psycopg.connect(supabase) as owner:
        owner.execute("CREATE TABLE later (id bigint GENERATED ALWAYS AS IDENTITY, user_id text)")
        assert owner.execute("SELECT 1 FROM information_schema.role_table_grants WHERE table_name = 'later'").rowcount
        owner.execute("SELECT onboarding_isolate('later')")
    assert migrated.execute(GRANTED).fetchall() == []


def test_the_revision_is_read_and_not_changed_by_whoever_may_read_it(migrated: Superuser) -> None:
    """Row-level security leaves a login of the functions' own the one thing that health needs."""
    migrated.execute("CREATE ROLE reader")
    try:
        migrated.execute("GRANT SELECT, UPDATE, DELETE ON alembic_version TO reader")
        migrated.execute("SET ROLE reader")
        assert migrated.execute("SELECT * FROM alembic_version").rowcount == 1
        assert migrated.execute("DELETE FROM alembic_version").rowcount == 0
        assert migrated.execute("UPDATE alembic_version SET version_num = 'x'").rowcount == 0
    finally:
        migrated.execute("RESET ROLE; DROP OWNED BY reader; DROP ROLE reader")


def test_the_functions_work_there(
    calls: InProcess, supabase: str, migrated: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wizard to its end, as on any other database, though the login looks for tables in a schema of its own."""
    migrated.execute(sql.SQL("CREATE SCHEMA {} CREATE TABLE api_keys (trap int)").format(sql.Identifier(OWNER)))
    migrated.execute(sql.SQL("GRANT ALL ON SCHEMA {} TO PUBLIC").format(sql.Identifier(OWNER)))
    monkeypatch.setenv("DATABASE_URL", supabase)
    bootstrap.reset()
    walk(calls, "user_a", 1, 2, 3, 4, 5)
    assert calls.post("/api/onboarding/complete", user="user_a").status == 200
    assert calls.get("/api/health").status == 200
