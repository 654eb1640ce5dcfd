"""The table of Citus on 1, 2 and 3 nodes, with what each figure is as a multiple of plain Postgres'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.numbers import number

HEADINGS = (
    "request",
    "Postgres",
    "answers of one instance",
    "CPU ms of the service",
    "of the entry node",
    "of each worker",
    "of all nodes",
    "the entry node's limit, for each of its cores",
)
ABOUT = (
    "Citus {Citus} on Postgres {Postgres}, beside a database of the same server that has no Citus (the load average was"
    " {load_before} before): the best of several rounds, in which they take turns. In brackets, the multiple of plain"
    " Postgres. On one node the coordinator holds the rows itself; two and three nodes are a coordinator without rows,"
    " which is the entry node, and one and two workers. All share the machine's cores with the service and with what"
    " sends the requests, so that more nodes cannot answer more here. How the work is shared tells what they would on"
    " machines of their own: the entry node's limit is 1,000 ms divided by its CPU ms a request."
)
NOT_MEASURED = "Citus on 1, 2 and 3 nodes was not measured: no Postgres on the machine has it."


def lines(measured: Mapping[str, Any]) -> Iterator[str]:
    """What `bench.nodes` measured, in Markdown; where that is nothing, a line that says so."""
    if not measured:
        yield NOT_MEASURED
        return
    yield ABOUT.format(load_before=measured["load_before"], **measured["versions"])
    yield ""
    yield _row(HEADINGS)
    yield "|---" * len(HEADINGS) + "|"
    for what, by in measured["requests"].items():
        plain, *_ = by.values()
        for name, figures in by.items():
            yield _row((what, name, *_cells(figures, plain)))


def _cells(figures: Mapping[str, float], plain: Mapping[str, float]) -> Iterator[str]:
    entry, *workers = _nodes(figures)
    (alone,) = _nodes(plain)
    yield _compared(figures["per_second"], plain["per_second"], "/s")
    yield _compared(figures["service"], plain["service"])
    yield _compared(entry, alone)
    yield " and ".join(map(number, workers))
    yield _compared(entry + sum(workers), alone)
    yield _compared(1000 / entry, 1000 / alone, "/s")


def _nodes(figures: Mapping[str, float]) -> list[float]:
    """The CPU ms of the nodes, the entry node first."""
    return [value for name, value in figures.items() if name not in {"per_second", "service"}]


def _compared(value: float, plain: float, unit: str = "") -> str:
    text = f"{number(value)} {unit}".rstrip()
    return text if value == plain else f"{text} ({value / plain:.2f})"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
