"""The server that TEST_DATABASE_URL names, in place of the embedded one: a plain Postgres, or a coordinator of Citus.

On a cluster each test has a database on every node, copied from one that was migrated and distributed there.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from dev.harness.postgres import alembic
from dev.local_postgres import NOT_A_TEMPLATE_COPY, OWNER, SUPERUSER
from lib.db.operators import postgres_url
from lib.db.readiness import ROLES
from scripts.distribution import distribute

VARIABLE = "TEST_DATABASE_URL"
SHARDS = 4
"""Few, since every test's database has this many tables of each kind."""

_ALONE = 20_261_125

type Connection = psycopg.Connection[tuple[object, ...]]


class Server(Protocol):
    """What tests need of a server: `LocalPostgres` is one, too."""

    def url(self, database: str = ..., *, user: str = ...) -> str:
        """The URL of a database, for its owner or for `SUPERUSER`."""

    def create_database(self, name: str, *, template: str = ...) -> str:
        """Create a database, and give its owner's URL."""

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""


@dataclass(frozen=True)
class GivenServer:
    """The server of a superuser's URL. On a coordinator, `workers` are the addresses of the other nodes."""

    given: str
    workers: Sequence[tuple[str, int]] = ()
    coordinator: tuple[str, int] | None = None

    @classmethod
    def of(cls, url: str) -> GivenServer:
        """Ask the server what it is, and make the owner's role. Raises AssertionError for a login of no superuser."""
        given = cls(postgres_url(url).conninfo)
        with given.superuser() as connection:
            is_superuser = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
            assert is_superuser == (True,), f"{VARIABLE} has to be a superuser's: tests look at every user's rows"
            databases = connection.execute("SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1").fetchall()
            is_citus = connection.execute("SELECT current_setting('citus.version', true)").fetchone() != (None,)
        named = urlsplit(given.given).path.lstrip("/")
        for database in [named, *(str(name) for (name,) in databases)] if is_citus else ():
            if nodes := given.nodes_in(database):
                own = next(((host, port) for group, host, port in nodes if group == 0), None)
                others = [(host, port) for group, host, port in nodes if group != 0]
                given = cls(given.given, others, own)
                break
        given.make_roles()
        return given

    def superuser(self, database: str | None = None, node: tuple[str, int] | None = None) -> Connection:
        """The superuser's connection to a database on a node, in autocommit; to the given ones by default."""
        parts = urlsplit(self.given)
        userinfo, _, address = parts.netloc.rpartition("@")
        netloc = f"{userinfo}@{node[0]}:{node[1]}" if node else f"{userinfo}@{address}"
        path = parts.path if database is None else f"/{quote(database)}"
        return psycopg.connect(urlunsplit((parts.scheme, netloc, path, parts.query, "")), autocommit=True)

    def nodes_in(self, database: str) -> list[tuple[int, str, int]]:
        """Group, host and port of the nodes that a database knows; none where it has no Citus."""
        with self.superuser(database) as connection:
            if connection.execute("SELECT to_regclass('pg_catalog.pg_dist_node')").fetchone() == (None,):
                return []
            query = "SELECT groupid, nodename, nodeport FROM pg_dist_node WHERE isactive AND noderole = 'primary'"
            return [(int(str(group)), str(host), int(str(port))) for group, host, port in connection.execute(query)]

    @property
    def nodes(self) -> list[tuple[str, int] | None]:
        """Every node; None is the one of the given URL."""
        return [None, *self.workers]

    @cached_property
    def password(self) -> str | None:
        """The given login's, if it has one."""
        return urlsplit(self.given).password

    def make_roles(self) -> None:
        """Make the owner's role on every node, and let our roles log in with the given password, if there is one."""
        for node in self.nodes:
            with self.superuser(node=node) as connection, connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ALONE])  # other test processes do the same
                connection.execute("SELECT set_config('citus.enable_create_role_propagation', 'off', true)")
                connection.execute("SELECT set_config('citus.enable_alter_role_propagation', 'off', true)")
                for role, attributes in {
                    OWNER: "LOGIN CREATEDB CREATEROLE",
                    **dict.fromkeys(ROLES, "LOGIN NOINHERIT"),
                }.items():
                    self._make_role(connection, role, attributes)

    def _make_role(self, connection: Connection, role: str, attributes: str) -> None:
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        words = sql.SQL("ALTER ROLE {} {}" if exists else "CREATE ROLE {} {}")
        if not exists or self.password:
            password = sql.SQL("PASSWORD {}").format(sql.Literal(self.password))
            connection.execute(words.format(sql.Identifier(role), sql.SQL(" ").join([sql.SQL(attributes), password])))

    def url(self, database: str = "postgres", *, user: str = OWNER) -> str:
        """The URL of a database on the node of the given URL."""
        parts = urlsplit(self.given)
        name = parts.username or SUPERUSER if user == SUPERUSER else user
        secret = f":{quote(parts.password, safe='')}" if parts.password else ""
        address = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, f"{quote(name)}{secret}@{address}", f"/{database}", parts.query, ""))

    def create_database(self, name: str, *, template: str = NOT_A_TEMPLATE_COPY) -> str:
        """Create a database: one without a template on the given node alone, a copy on every node."""
        nodes = [None] if template == NOT_A_TEMPLATE_COPY else self.nodes
        self._everywhere("CREATE DATABASE {} OWNER {} TEMPLATE {}", nodes, name, OWNER, template)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database on every node, in a while: on a cluster that may wait for processes of Citus to end."""
        self._cleaner.submit(self._everywhere, "DROP DATABASE IF EXISTS {} WITH (FORCE)", self.nodes, name)

    @cached_property
    def _cleaner(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(2)

    def _everywhere(self, statement: str, nodes: Sequence[tuple[str, int] | None], *names: str) -> None:
        composed = sql.SQL(statement).format(*map(sql.Identifier, names))
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(lambda node: self._run(composed, node), nodes))

    def _run(self, statement: sql.Composed, node: tuple[str, int] | None) -> None:
        with self.superuser(node=node) as connection:
            if self.workers:
                connection.execute("SELECT set_config('citus.enable_create_database_propagation', 'off', false)")
            for patience in range(20, -1, -1):
                try:
                    connection.execute(statement)
                    return
                except psycopg.errors.ObjectInUse:
                    if not patience:
                        raise
                    time.sleep(0.1)  # a process of Citus' own is just ending

    @contextmanager
    def template(self) -> Iterator[str]:
        """The database that the real migrations made, distributed where there are workers."""
        name = f"template_{uuid.uuid4().hex}"
        if not self.workers:
            alembic(self.create_database(name), "upgrade", "head")
        else:
            self._make_distributed(name)
        yield name
        self.drop_database(name)

    def create_cluster_database(self, name: str) -> str:
        """Create a database whose nodes know each other, migrated and not distributed yet."""
        self._everywhere("CREATE DATABASE {} OWNER {} TEMPLATE {}", self.nodes, name, OWNER, NOT_A_TEMPLATE_COPY)
        for node in self.nodes:
            with self.superuser(name, node) as connection:
                connection.execute("CREATE EXTENSION citus")
        with self.superuser(name) as connection:
            introduce(connection, self.coordinator, self.workers)
        alembic(self.url(name), "upgrade", "head")
        return self.url(name)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Change roles inside, which all databases share: no other process does, nor migrates for its own tests."""
        with self.superuser() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [_ALONE])
            yield

    def _make_distributed(self, name: str) -> None:
        with self.alone():
            url = self.create_cluster_database(name)
            with psycopg.connect(url, autocommit=True) as owner:
                distribute(owner, SHARDS, lambda _line: None)
        # Nobody is connected to it from now on, Citus itself included: only then it can be copied.
        self._everywhere("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", self.nodes, name)
        for node in self.nodes:
            with self.superuser(node=node) as connection:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def introduce(connection: Connection, coordinator: tuple[str, int] | None, workers: Sequence[tuple[str, int]]) -> None:
    """Let the nodes of a database know each other, and Citus our roles: without, only a superuser may pass them on."""
    if coordinator:
        connection.execute("SELECT citus_set_coordinator_host(%s, %s)", coordinator)
    for worker in workers:
        connection.execute("SELECT citus_add_node(%s, %s)", worker)
    for role in (OWNER, *ROLES):
        connection.execute(sql.SQL("CREATE SCHEMA known_role AUTHORIZATION {}").format(sql.Identifier(role)))
        connection.execute("DROP SCHEMA known_role")
