"""Runs a command on the nodes of a cluster, through the coordinator and as the login or role of its connection."""

from typing import LiteralString, NamedTuple

from lib.db.operators import Connection, UnusableURL

# As text, one row for each node, since what is asked differs from node to node.
_EVERY: LiteralString = """
    SELECT format('%%s:%%s', nodename, nodeport), success, result
    FROM run_command_on_all_nodes(%s) JOIN pg_dist_node USING (nodeid) ORDER BY 1
"""
_WORKERS: LiteralString = """
    SELECT format('%%s:%%s', nodename, nodeport), success, result FROM run_command_on_workers(%s) ORDER BY 1
"""


class Answer(NamedTuple):
    """What a node, as host:port, said: its one value as text, or why there is none."""

    node: str
    success: bool
    result: str | None


def answers(connection: Connection, command: str, *, workers_only: bool = False) -> list[Answer]:
    """Each node's answer to a query of one value, whether it succeeded there or not."""
    found = connection.execute(_WORKERS if workers_only else _EVERY, [command]).fetchall()
    return [Answer(*row) for row in found]


def run(connection: Connection, command: str, *, workers_only: bool = False) -> list[Answer]:
    """As `answers`. Raises UnusableURL where a node did not do it; those before the one that it names did."""
    found = answers(connection, command, workers_only=workers_only)
    for node, success, result in found:
        if not success:
            raise UnusableURL(f"{node} did not do it: {' '.join(str(result).split())}")
    return found
