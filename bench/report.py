"""The table: each figure next to its baseline, its ratio, and the target of that ratio."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import node_table
from bench.numbers import number
from bench.round_trips import ASKED_DIRECTLY, RELAYED

CATALOGUE = "catalogue"
RELAY_CPU_MS = 10
"""What relaying may cost besides the AI backend and one round trip."""
FIRST_ANSWERS = {"summary": 0.45, "init": 0.45, "a saved key": 0.45, "step 2": None}
"""What the first answers may take of FastAPI and the ORM's, where there is a target."""
DRAFT = "PUT step/3/draft"
PEERS = {"fastapi_orm": "FastAPI and ORM", "fastify": "Fastify and postgres.js", "postgraphile": "PostGraphile"}


@dataclass(frozen=True)
class Row:
    """One line of the table. `at_most` (or `at_least`) is the target of `value / other`."""

    figure: str
    value: float
    unit: str
    baseline: str
    other: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float:
        """The figure as a multiple of what it is compared with."""
        return self.value / self.other

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        return (self.at_most is None or self.ratio <= self.at_most) and (
            self.at_least is None or self.ratio >= self.at_least
        )

    def cells(self) -> tuple[str, ...]:
        """The line's texts."""
        target = f"≤ {self.at_most}" if self.at_most is not None else f"> {self.at_least}" if self.at_least else ""
        met = "" if not target else " ✓" if self.is_met else " ✗"
        baseline = f"{number(self.other)} {self.unit} ({self.baseline})"
        return self.figure, f"{number(self.value)} {self.unit}", baseline, f"{self.ratio:.2f}", f"{target}{met}"


def machine() -> dict[str, Any]:
    """When and on what it was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "processor": _processor(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def rows(results: Mapping[str, Any]) -> Iterator[Row]:
    """Every line of the table."""
    yield from _round_trips(results["round_trips"])
    yield from _cold(results["cold"])
    yield from _warm(results["processor_time"])
    yield from _not_modified(results["not_modified"])
    for at_once, by in results["throughput"].items():
        figure = f"summaries a second of one instance, {at_once} at once"
        yield Row(figure, by["project"], "/s", "FastAPI and ORM", by["fastapi_orm"], at_least=1)
    yield from _overload(results.get("overload", {}))
    yield from _usual_services(results.get("usual_services", {}))
    yield from _users(results["users"])
    yield from _sizes(results["sizes"])


def markdown(results: Mapping[str, Any]) -> str:
    """The table with a line on when and where, and that of Citus."""
    where = results["machine"]
    head = (
        f"Measured on {where['date']} by `make bench`: {where['cores']} cores ({where['processor']}),"
        f" {where['memory_gib']} GiB, Python {where['python']}; load average {where['load_before']} at the start.\n"
    )
    names = ("figure", "here", "baseline", "ratio", "target")
    lines = ["| " + " | ".join(names) + " |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows(results)]
    return "\n".join([head, *lines, "", *node_table.lines(results.get("nodes", {})), ""])


def _round_trips(measured: Mapping[str, Any]) -> Iterator[Row]:
    warm, first = dict(measured["warm_ms"]), measured["first_ms"]
    bare, usual = warm.pop("one bare statement"), warm.pop("pool_pre_ping and begin()")
    relayed, asked = warm.pop(RELAYED), warm.pop(ASKED_DIRECTLY)
    slowest = max(warm, key=lambda name: warm[name])
    statement = "one bare statement"
    yield Row("warm summary with 40 ms a round trip", warm["GET summary"], "ms", statement, bare, at_most=1.15)
    yield Row(f"slowest warm request there ({slowest})", warm[slowest], "ms", statement, bare, at_most=1.15)
    for name in (DRAFT, f"{DRAFT}, If-Match"):
        yield Row(f"{name} there", warm[name], "ms", statement, bare, at_most=1.15)
    yield Row("`pool_pre_ping` and `begin()` there", usual, "ms", statement, bare)
    parts = f"one bare statement, the AI backend alone, and {RELAY_CPU_MS} ms"
    yield Row(f"{RELAYED} there", relayed, "ms", parts, bare + asked + RELAY_CPU_MS, at_most=1)
    own = first["connection alone"] + bare
    yield Row(
        "first request of a process there", first["first request"], "ms", "connecting and one statement", own, 1.15
    )
    yield Row("SQLAlchemy's defaults there", first["SQLAlchemy's defaults"], "ms", "connecting and one statement", own)


def _cold(cold: Mapping[str, Any]) -> Iterator[Row]:
    started = {name: figures["cpu_ms"] for name, figures in cold["server_started"].items()}
    floor, libraries, fastapi = (started.pop(name) for name in ("nothing", "imports_only", "fastapi_orm"))
    slowest = max(started, key=lambda name: started[name])
    figure = f"cold start, the slowest function ({slowest})"
    yield Row(figure, started[slowest], "CPU ms", "FastAPI and ORM", fastapi, at_most=0.7)
    yield Row(figure, started[slowest], "CPU ms", "importing the libraries alone", libraries, at_most=1.1)
    yield Row("cold start, preflight included", started[slowest], "CPU ms", "the runtime alone", floor, at_most=2)
    yield Row("cold start, the catalogue", started[CATALOGUE], "CPU ms", "the runtime alone", floor, at_most=2)
    plain = {name: figures["cpu_ms"] for name, figures in cold["without_bytecode"].items()}
    yield Row(
        "the same without bytecode, summary", plain["summary"], "CPU ms", "FastAPI and ORM", plain["fastapi_orm"], 0.7
    )
    yield from _first_answers(cold["first_answer"], libraries)


def _first_answers(measured: Mapping[str, Any], libraries: float) -> Iterator[Row]:
    for name in FIRST_ANSWERS:
        ours, theirs = measured[name], measured[f"fastapi_orm, {name}"]
        figure, target = f"cold start and first answer, {name}", FIRST_ANSWERS[name]
        yield Row(figure, ours["cpu_ms"], "CPU ms", "FastAPI and ORM", theirs["cpu_ms"], at_most=target)
        yield Row(f"{figure}, waited for", ours["wall_ms"], "ms", "FastAPI and ORM", theirs["wall_ms"])
        yield Row(figure, ours["cpu_ms"], "CPU ms", "importing the libraries", libraries)


def _warm(processor_time: Mapping[str, Any]) -> Iterator[Row]:
    relayed = processor_time[RELAYED]["project"]
    yield Row(f"warm, {RELAYED}", relayed, "CPU ms", "what it may cost", RELAY_CPU_MS, at_most=1)
    for what, by in processor_time.items():
        if what == RELAYED:
            continue
        yield Row(f"warm {what}", by["project"], "CPU ms", "bare WSGI, same SQL", by["bare_wsgi"], at_most=2.5)
        yield Row(f"warm {what}", by["project"], "CPU ms", "FastAPI and ORM", by["fastapi_orm"])


def _not_modified(measured: Mapping[str, float]) -> Iterator[Row]:
    status = measured["status"]
    for path, value in measured.items():
        if path != "status":
            yield Row(f"304 of `{path}`", value, "CPU ms", "a status request", status, at_most=1.05)


def _overload(measured: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Iterator[Row]:
    for share, by in measured.items():
        ours, theirs = by["project"], by["fastapi_orm"]
        name, where = "FastAPI and ORM at its", f"at {share} % of an instance's capacity"
        at_most = 1 if int(share) > 100 else None  # past it, waiting longer than the peer is failing
        for percentile in ("p50", "p99"):
            yield Row(f"summary {where}, {percentile}", ours[percentile], "ms", name, theirs[percentile], at_most)
        figure = f"answered 2xx {where} ({ours['shed']:.0f} % refused with `Retry-After`)"
        yield Row(figure, ours["good"], "%", name, theirs["good"])


def _usual_services(measured: Mapping[str, Any]) -> Iterator[Row]:
    for what, by in measured.get("processor_time", {}).items():
        for part, whose in (("service", "the service"), ("postgres", "Postgres")):
            each = {name: figures[part] for name, figures in by.items()}
            yield from _beside_peers(f"{what}, processor time of {whose}", "CPU ms", each)
    for what, rates in measured.get("throughput", {}).items():
        for at_once, each in rates.items():
            yield from _beside_peers(f"{what} answered by one instance, {at_once} at once", "/s", each)


def _beside_peers(figure: str, unit: str, each: Mapping[str, float]) -> Iterator[Row]:
    for name, peer in PEERS.items():
        if name in each:  # without Node.js two of them are not
            yield Row(figure, each["project"], unit, peer, each[name])


def _users(users: Mapping[str, float]) -> Iterator[Row]:
    (first, few), *more = users.items()
    for name, many in more:
        yield Row(f"summary among {name}", many, "ms", f"among {first}", few, at_most=1.2)


def _sizes(sizes: Mapping[str, Mapping[str, float]]) -> Iterator[Row]:
    for what, by in sizes.items():
        if "step 2" in what:
            yield Row(f"{what} to 2 MB", by["2 MB"], "CPU ms", "10 KB", by["10 KB"], at_most=1.2)
        else:
            yield Row(f"{what} to 2 MB", by["2 MB"], "CPU ms", "twice that of 1 MB", 2 * by["1 MB"], at_most=1.2)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
