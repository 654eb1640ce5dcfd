"""Tells each worker of a cluster which revision the schema has: a node that takes requests is asked for it (health).

`alembic_version` is the coordinator's own table. Citus cannot copy it: it takes no policy with a subquery.
"""

from typing import LiteralString

from psycopg.sql import SQL, Literal

from lib.db.operators import Connection
from lib.db.readiness import REVISION
from scripts import nodes

_TELL: LiteralString = """
    DO $do$
    BEGIN
        PERFORM set_config('citus.enable_ddl_propagation', 'off', true), set_config('search_path', 'public', true);
        IF to_regclass('alembic_version') IS NULL THEN
            CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
            REVOKE ALL ON alembic_version FROM PUBLIC;
            ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY;
            CREATE POLICY alembic_version_readable ON alembic_version FOR SELECT USING (true);
        END IF;
        DELETE FROM alembic_version;
        INSERT INTO alembic_version VALUES ({revision});
    END $do$
"""


def outdated_workers(connection: Connection, revision: str) -> list[str]:
    """The workers, as host:port, that know of another revision or of none."""
    found = nodes.answers(connection, REVISION, workers_only=True)
    return [node for node, success, result in found if not success or result != revision]


def tell_workers(connection: Connection, revision: str) -> None:
    """Let every worker know. Raises UnusableURL where one did not take it."""
    nodes.run(connection, SQL(_TELL).format(revision=Literal(revision)).as_string(connection), workers_only=True)
