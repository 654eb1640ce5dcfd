"""The tables of what changes with the number of users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

AT_MOST = 1.2
"""What a request may cost among the most users, as a multiple of what it costs among the fewest."""


def markdown(results: Mapping[str, Any]) -> str:
    """Every table, with a line on when and where."""
    where = results["machine"]
    sizes = list(results["loaded_s"])
    loaded = ", ".join(f"{int(size):,} in {seconds:.0f} s" for size, seconds in results["loaded_s"].items())
    parts = [
        f"Measured on {where['date']} by `python -m bench.scale {' '.join(sizes)}`: {where['cores']} cores"
        f" ({where['processor']}), {where['memory_gib']} GiB; load average {where['load_before']} at the start."
        f" Users were loaded: {loaded}.",
        "## Requests\n\nProcessor milliseconds in Postgres (median), pages touched, and pages read the first time that"
        " Postgres met a user, by number of users.",
        _table(*_requests(results["statements"], sizes)),
        "## Plans\n\n" + "\n".join(_plans(results["plans"], sizes)),
        "## Processor time\n\nMilliseconds of a request in the function, without its HTTP server, and in Postgres,"
        " where it keeps statements and where it plans them each time; and bytes of the write-ahead"
        f" log. A server process has {results['processor']['new_mib']:.1f} MiB for itself when it is new,"
        f" {results['processor']['full_mib']:.1f} MiB with every statement kept.",
        _table(*_processor(results["processor"]["requests"])),
        f"## Disk\n\nBytes a user: of {int(sizes[-1]):,} made users, and of users who finished by requests.",
        _table(*_disk(results["disk"], results["written"])),
        "## Migrations\n\nOf `onboarding_steps`, while two writers save step 3. `nothing` is the wait without any.",
        *(_table(*_migrations(size, by)) for size, by in results["migrations"].items()),
        "## Commands that read every user\n\nSeconds to the clock, Python's start included, and of processor time.",
        _table(*_everybody(results["everybody"])),
    ]
    return "# What changes with the number of users\n\n" + "\n\n".join(parts) + "\n"


def _requests(found: Mapping[str, Any], sizes: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    heads = ["request", *(f"{int(size):,}" for size in sizes), "ratio", "target", "pages", "pages read first"]
    rows = []
    for name, by in found.items():
        times = [by[size]["cpu_ms"] for size in sizes]
        ratio = times[-1] / times[0]
        met = f"≤ {AT_MOST} {'✓' if ratio <= AT_MOST else '✗'}"
        pages, first = (" → ".join(f"{by[size][what]:.0f}" for size in sizes) for what in ("pages", "first_read"))
        rows.append([name, *(f"{time:.2f}" for time in times), f"{ratio:.2f}", met, pages, first])
    return heads, rows


def _plans(found: Mapping[str, Sequence[str]], sizes: Sequence[str]) -> Iterator[str]:
    differing = sorted({difference for differences in found.values() for difference in differences})
    if not differing:
        yield f"Those of all {len(found)} requests are the same among {' and '.join(sizes)} users."
        return
    yield f"As among {int(sizes[-1]):,} users, but for small tables:\n"
    yield from (f"- {difference}" for difference in differing)


def _processor(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [name, *(f"{one[what]:.2f}" for what in ("function_ms", "kept_ms", "planned_ms")), f"{one['log_bytes']:,.0f}"]
        for name, one in found.items()
    ]
    return ["request", "function", "Postgres, kept", "Postgres, planned", "log bytes"], rows


def _disk(made: Mapping[str, Any], written: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    heads = ["table", "rows, made", "indexes, made", "rows, by requests", "indexes, by requests"]
    both = {name: (made[name], written[name]) for name in sorted(made, key=lambda name: -sum(written[name].values()))}
    rows = [
        [name, *(f"{one[part]:,.0f}" for one in pair for part in ("table", "indexes"))] for name, pair in both.items()
    ]
    sums = [f"{sum(one[part] for one in by.values()):,.0f}" for by in (made, written) for part in ("table", "indexes")]
    return heads, [*rows, ["together", *sums]]


def _migrations(size: str, found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    heads = [f"among {int(size):,} users", "strongest lock", "seconds", "longest write, ms", "writes refused"]
    rows = []
    for name, one in found.items():
        locks = ", ".join(f"{mode} of {table}" for table, mode in sorted(one["locks"].items()))
        seconds = f"{one['seconds']:.2f}{', then it failed' if one['failed'] else ''}"
        figures = [seconds, f"{one['longest_write_ms']:,.0f}", f"{one['refused']} of {one['writes']:,}"]
        rows.append([name, locks, *figures])
    return heads, rows


def _everybody(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [name, f"{int(size):,}", f"{one['seconds']:.1f}", f"{one['postgres_cpu_s']:.2f}", one["said"]]
        for size, by in found.items()
        for name, one in by.items()
    ]
    return ["command", "users", "seconds", "Postgres CPU s", "it said last"], rows


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
