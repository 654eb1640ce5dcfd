"""What has to hold of a database and a login before migrations can run, asked first: a refusal is then one sentence."""

from collections.abc import Iterator

from psycopg.errors import Error, InsufficientPrivilege

from lib.db.operators import Connection, UnusableURL
from lib.db.schema import EXPECTED_REVISION

ROLES = ("onboarding_app", "onboarding_operator")

REVISION = "SELECT max(version_num) FROM alembic_version"
"""Asks for the schema's revision, where there is that table."""

_LOGIN = """
    SELECT pg_is_in_recovery(), current_user, rolsuper OR rolcreaterole, has_schema_privilege('public', 'CREATE')
    FROM pg_roles WHERE rolname = current_user
"""
_ROLES = "SELECT rolname, pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = ANY(%s)"


def check_migratable(connection: Connection) -> None:
    """Raise UnusableURL with the first obstacle, and what removes it; none where nothing is left to migrate."""
    if connection.info.parameter_status("server_encoding") == "UTF8" and _is_up_to_date(connection):
        return
    for obstacle in obstacles(connection):
        raise UnusableURL(obstacle)


def obstacles(connection: Connection) -> Iterator[str]:
    """Yield what keeps the migrations from running, a sentence each. Raises UnusableURL where nothing can be asked."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        yield (
            f'the encoding of "{connection.info.dbname}" is {encoding}, and only UTF8 can hold every text: '
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and use that one"
        )
        return  # the driver gives the texts of such a database as bytes
    try:
        row = connection.execute(_LOGIN).fetchone()
        roles = dict(connection.execute(_ROLES, [list(ROLES)]).fetchall())
    except Error as error:
        raise UnusableURL(f"the database answered {type(error).__name__}") from None
    is_replica, user, may_create_roles, may_create_tables = row or (False, "", True, True)
    if is_replica:
        yield "the database is a replica, which only reads: use the URL of the primary server"
    missing, foreign = [name for name in ROLES if name not in roles], [name for name in roles if not roles[name]]
    if missing and not may_create_roles:
        yield (
            f'user "{user}" may not create the role {missing[0]}: run ALTER ROLE "{user}" CREATEROLE as an '
            "administrator, or use another login"
        )
    if foreign and not (may_create_roles and _may_grant(connection, foreign)):
        grant = f'GRANT {", ".join(foreign)} TO "{user}"'
        yield f'user "{user}" may not become {foreign[0]}: run {grant} as an administrator'
    if not may_create_tables:
        yield f'user "{user}" may not create tables: run GRANT CREATE ON SCHEMA public TO "{user}" as an administrator'


def stored_revision(connection: Connection) -> str | None:
    """The schema's revision; None where it was never migrated. Raises `InsufficientPrivilege`."""
    if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
        return None
    row = connection.execute(REVISION).fetchone()
    return row[0] if row else None


def _is_up_to_date(connection: Connection) -> bool:
    try:
        return (stored_revision(connection) or "") >= EXPECTED_REVISION
    except InsufficientPrivilege:
        connection.rollback()
        return False


def _may_grant(connection: Connection, roles: list[str]) -> bool:
    """Whether the login may give itself these roles. Before Postgres 16, CREATEROLE alone is enough."""
    if connection.info.server_version < 160000:
        return True
    is_admin = "pg_has_role(current_user, oid, 'MEMBER WITH ADMIN OPTION')"
    query = f"SELECT bool_and({is_admin}) FROM pg_roles WHERE rolname = ANY(%s)"
    return connection.execute(query.encode(), [roles]).fetchone() == (True,)
