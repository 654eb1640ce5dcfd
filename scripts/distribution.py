"""What makes a migrated database one that Citus spreads over its workers, every user's rows together on one of them.

The tables move in one transaction, so that a request sees either all of them moved or none: it waits, and is answered
503 where it would wait for too long. Whatever is done already is left alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg.sql import SQL, Composed, Identifier, Literal
from sqlalchemy import Table

from lib.db.operators import Connection, UnusableURL
from lib.db.readiness import ROLES, stored_revision
from lib.db.schema import EXPECTED_REVISION
from lib.db.tables import metadata, onboarding_sessions
from scripts import nodes
from scripts.policies import closed_nodes, open_nodes
from scripts.revisions import outdated_workers, tell_workers

_USER = "user_id"
_LOCK_TIMEOUT = "30s"

_NODES = """
    SELECT count(*) FILTER (WHERE groupid = 0), count(*) FILTER (WHERE shouldhaveshards)
    FROM pg_dist_node WHERE isactive AND noderole = 'primary'
"""
_IS_READY = """
    SELECT coalesce(bool_and(rolcanlogin AND pg_has_role({login}, oid, 'MEMBER')) AND count(*) = {number}, false)
    FROM pg_roles WHERE rolname = ANY ({roles}) AND to_regrole({login}) IS NOT NULL
"""
_DISTRIBUTED = "SELECT logicalrelid::regclass::text FROM pg_dist_partition"
# What the functions call in a query, and so on the worker that the query is sent to.
_FUNCTIONS = """
    SELECT oid::regprocedure::text FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'onboarding\\_%'
    AND has_function_privilege('onboarding_app', oid, 'EXECUTE')
    AND NOT EXISTS (SELECT FROM pg_dist_object WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid)
    ORDER BY 1
"""
# A function that is made anew on a worker is everybody's there.
_CLOSE = """
    SELECT onboarding_close_function(oid::regprocedure) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'onboarding\\_%'
"""
_LEFT_BEHIND = "SELECT pg_relation_size(logicalrelid) > 0 FROM pg_dist_partition WHERE logicalrelid = %s::regclass"


@dataclass(frozen=True)
class Remaining:
    """What is not done yet. `left_behind` are tables of which the coordinator still has its old copy.

    `closed` are the nodes that requests cannot be sent to: once the tables are moved, every worker is one. `outdated`
    are the workers whose health does not name the schema's `revision`.
    """

    revision: str

    needs_logins: bool
    tables: list[Table]
    functions: list[str]
    left_behind: list[Table]
    closed: list[str]
    outdated: list[str]

    def lines(self) -> list[str]:
        """What there is to do, a line each."""
        logins = [f"let {' and '.join(ROLES)} log in to every node"] if self.needs_logins else []
        functions = [f"create the function {function} on every node" for function in self.functions]
        tables = [f"{_how(table)} {table.name}" for table in self.tables]
        left_behind = [f"remove the coordinator's old copy of {table.name}" for table in self.left_behind]
        closed = [f"let {node} take requests: shorten its policies" for node in self.closed]
        outdated = [f"tell {node} that the schema is at {self.revision}" for node in self.outdated]
        return [*logins, *functions, *tables, *left_behind, *closed, *outdated]


def remaining(connection: Connection) -> Remaining:
    """What is left to do. Raises UnusableURL where the database cannot be distributed as it is."""
    with connection.transaction():
        revision = _checked_revision(connection)
        found = {name for (name,) in connection.execute(_DISTRIBUTED).fetchall()}
        tables = metadata.sorted_tables
        return Remaining(
            revision=revision,
            needs_logins=not _has_logins(connection),
            tables=[table for table in tables if table.name not in found],
            functions=[name for (name,) in connection.execute(_FUNCTIONS).fetchall()],
            left_behind=[table for table in tables if _is_left_behind(connection, table)],
            closed=closed_nodes(connection),
            outdated=outdated_workers(connection, revision),
        )


def distribute(connection: Connection, shards: int | None = None, say: Callable[[str], object] = print) -> bool:
    """Do what is left to do; whether there was anything. `shards` is the number that the users are spread over.

    Raises UnusableURL and `psycopg.Error`; whatever was done before either stays done.
    """
    todo = remaining(connection)
    if todo.needs_logins:
        _let_log_in(connection)
        say(f"{' and '.join(ROLES)} may log in to every node")
    with connection.transaction():
        _check_logins(connection)
    for function in todo.functions:
        with connection.transaction():
            connection.execute("SELECT create_distributed_function(%s::regprocedure)", [function])
        say(f"{function} is on every node")
    if todo.tables:
        _move(connection, todo.tables, shards, say)
    with connection.transaction():
        connection.execute(_CLOSE)
    for table in metadata.sorted_tables:
        with connection.transaction():
            if _is_left_behind(connection, table):
                # It takes the copies of the tables that hang on this one along.
                connection.execute("SELECT truncate_local_data_after_distributing_table(%s::regclass)", [table.name])
    if closed_nodes(connection):
        open_nodes(connection)
        say("every node takes requests")
    if todo.outdated:
        tell_workers(connection, todo.revision)
        say(f"every node knows that the schema is at {todo.revision}")
    return bool(todo.lines())


def _checked_revision(connection: Connection) -> str:
    """The revision of the schema. Raises UnusableURL where this is nothing to distribute."""
    if connection.execute("SELECT to_regclass('pg_catalog.pg_dist_partition')").fetchone() == (None,):
        raise UnusableURL("this database is not one of Citus: run CREATE EXTENSION citus on every node first")
    if connection.execute("SELECT groupid FROM pg_dist_local_group").fetchone() != (0,):
        raise UnusableURL("this is a worker: use the URL of the coordinator")
    revision = stored_revision(connection)
    if revision is None or revision < EXPECTED_REVISION:
        raise UnusableURL(f"the schema is at {revision or 'no revision'}: run `python -m migrations` first")
    coordinators, workers = connection.execute(_NODES).fetchone() or (0, 0)
    if not coordinators:
        raise UnusableURL("the coordinator has no address yet: run SELECT citus_set_coordinator_host('…', port)")
    if not workers:
        raise UnusableURL("there is no worker yet: run SELECT citus_add_node('…', port) for each")
    return revision


def _has_logins(connection: Connection) -> bool:
    """Whether the roles are there on every node, may log in, and this login may become them there."""
    login, roles = Literal(_login(connection)), Literal(list(ROLES))
    query = SQL(_IS_READY).format(login=login, roles=roles, number=Literal(len(ROLES))).as_string(connection)
    found = nodes.answers(connection, query)
    for node, success, _ in found:
        if not success:
            raise UnusableURL(f"the coordinator cannot work with {node}: is it running, and does it let this login in?")
    return all(result == "t" for _, _, result in found)


def _let_log_in(connection: Connection) -> None:
    """Nodes connect to each other as the role that a request works as. What sends the command on is Citus."""
    login = Identifier(_login(connection))
    without = " WITH INHERIT FALSE, SET TRUE" if connection.info.server_version >= 160000 else ""
    with connection.transaction():
        for role in map(Identifier, ROLES):
            connection.execute(SQL("ALTER ROLE {} LOGIN").format(role))
            connection.execute(SQL("GRANT {} TO {}" + without).format(role, login))


def _check_logins(connection: Connection) -> None:
    for role in ROLES:
        connection.execute("SELECT set_config('role', %s, true)", [role])
        found = nodes.answers(connection, "SELECT 1")
        connection.execute("SELECT set_config('role', 'none', true)")
        for node, success, _ in found:
            if not success:
                raise UnusableURL(
                    f"the coordinator cannot log in to {node} as {role}: let that role in from the other nodes, in "
                    "the node's pg_hba.conf or with its password in pg_dist_authinfo or the server user's .pgpass"
                )


def _move(connection: Connection, tables: list[Table], shards: int | None, say: Callable[[str], object]) -> None:
    names = SQL(", ").join(Identifier(table.name) for table in tables)
    with connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
        connection.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names))
        # One connection to a worker, since what follows a copy in the same transaction has to see its rows there.
        settings = {"citus.shard_count": str(shards)} if shards else {}
        settings |= {
            "statement_timeout": "0",
            "citus.multi_shard_modify_mode": "sequential",
            "citus.enable_unsafe_triggers": "on",  # the trigger touches the rows of the same user and shard alone
        }
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        for table in tables:
            # Postgres copies into no table that hides rows from whoever copies.
            connection.execute(SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(Identifier(table.name)))
        for number, table in enumerate(tables, start=1):
            row = connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(table.name))).fetchone()
            connection.execute(_creation(table))
            say(f"{number}/{len(tables)} {table.name}: {row[0] if row else 0:,} rows")
        for table in tables:
            connection.execute(SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(Identifier(table.name)))


def _creation(table: Table) -> Composed:
    if _USER not in table.c:
        return SQL("SELECT create_reference_table({})").format(Literal(table.name))
    beside = "none" if table is onboarding_sessions else onboarding_sessions.name
    return SQL("SELECT create_distributed_table({}, {}, colocate_with => {})").format(
        Literal(table.name), Literal(_USER), Literal(beside)
    )


def _how(table: Table) -> str:
    return "distribute by user_id" if _USER in table.c else "copy to every node"


def _is_left_behind(connection: Connection, table: Table) -> bool:
    return connection.execute(_LEFT_BEHIND, [table.name]).fetchone() == (True,)


def _login(connection: Connection) -> str:
    return connection.info.user
