"""Makes every node of a cluster one that requests can be sent to.

Citus copies a policy to a worker as Postgres prints it, and Postgres prints the cast of `user_id` that the migrations
leave to it. Through a cast that is spelled out, Citus does not see the column that it spreads users by: as the
functions' role it would look for a user in every shard, and refuse whatever joins two tables. A dump that was restored
says it in the same way. So each node gets the policies in the words of the migrations.
"""

from typing import LiteralString

from lib.db.operators import Connection
from scripts import nodes

# What Postgres prints is the same either way. How it keeps a policy tells whether the cast was written by somebody: 1.
_SPELLED_OUT: LiteralString = """
    SELECT polname, polrelid::regclass AS relation,
           replace(pg_get_expr(polqual, polrelid), '(user_id)::text', 'user_id') AS condition
    FROM pg_policy WHERE polrelid IN (SELECT logicalrelid FROM pg_dist_partition WHERE partmethod = 'h')
    AND polwithcheck IS NOT NULL AND pg_get_expr(polqual, polrelid) LIKE '%(user_id)::text%'
    AND polqual::text LIKE '%:relabelformat 1 %'
"""
_HAS_SPELLED_OUT: LiteralString = f"SELECT count(*) > 0 FROM ({_SPELLED_OUT}) AS found"  # noqa: S608 - a constant
_SHORTEN: LiteralString = f"""
    DO $do$
    DECLARE policy record;
    BEGIN
        PERFORM set_config('citus.enable_ddl_propagation', 'off', true), set_config('lock_timeout', '30s', true);
        FOR policy IN {_SPELLED_OUT} LOOP
            EXECUTE format('ALTER POLICY %I ON %s USING (%s) WITH CHECK (%3$s)',
                           policy.polname, policy.relation, policy.condition);
        END LOOP;
    END $do$
"""


def closed_nodes(connection: Connection) -> list[str]:
    """The nodes, as host:port, that cannot take requests yet. Raises UnusableURL where one cannot be asked."""
    return [node for node, _, result in nodes.run(connection, _HAS_SPELLED_OUT) if result == "t"]


def open_nodes(connection: Connection) -> None:
    """Let every node take requests. Raises UnusableURL, and the nodes before the one that it names are done."""
    nodes.run(connection, _SHORTEN)
